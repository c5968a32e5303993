import { narrow, widen, widenInto } from './kept.ts';
import type { ColumnSpec, Outputs } from './outputs.ts';

/** Values of one column by image and view, as float16 bits. */
class MemoryColumn {
  readonly length: number;
  readonly #rows = new Map<string, Uint16Array>();

  constructor(length: number) {
    this.length = length;
  }

  get bytes(): number {
    return 2 * this.length;
  }

  has(image: number, view: number): boolean {
    return this.#rows.has(`${image}/${view}`);
  }

  read(image: number, view: number): Uint16Array | undefined {
    return this.#rows.get(`${image}/${view}`);
  }

  write(image: number, view: number, bits: Uint16Array): void {
    this.#rows.set(`${image}/${view}`, bits);
  }
}

/** Columns in memory, for those who have no disk: they last as long as what holds them. */
export class MemoryStore {
  readonly #maxBytes: number;
  readonly #columns: { readonly images: object; readonly of: ColumnSpec['of']; readonly column: MemoryColumn }[] = [];
  #bytes = 0;

  /** @param maxBytes what is beyond is computed anew each time */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The columns of a list of images: those that were opened before have what they had. */
  open(columns: readonly ColumnSpec[], images: object): Outputs {
    const found = new Map(columns.map((spec) => [spec.name, this.#columnOf(spec, images)]));
    const at = (name: string) => found.get(name)!;
    return {
      address: 'memory',
      read: (name, image, view, into) => {
        const bits = at(name).read(image, view);
        if (bits) widenInto(into, bits);
        return bits !== undefined;
      },
      write: (name, image, view, values) => {
        const bits = narrow(values);
        this.#keep(at(name), image, view, bits);
        return widen(bits);
      },
      forecast: (indices, views) => forecast([...found.values()], indices, views),
      flush: () => undefined,
      refresh: () => undefined,
      close: () => undefined,
    };
  }

  #keep(column: MemoryColumn, image: number, view: number, bits: Uint16Array): void {
    if (column.has(image, view) || this.#bytes + column.bytes > this.#maxBytes) return;
    this.#bytes += column.bytes;
    column.write(image, view, bits);
  }

  #columnOf({ length, of }: ColumnSpec, images: object): MemoryColumn {
    const known = this.#columns.find((one) => one.images === images && sameParts(one.of, of));
    if (known) return known.column;
    const column = new MemoryColumn(length);
    this.#columns.push({ images, of, column });
    return column;
  }
}

function forecast(columns: readonly MemoryColumn[], images: Iterable<number>, views: number) {
  let [stored, bytes, total] = [0, 0, 0];
  for (const image of images)
    for (let view = 0; view < views; view++)
      for (const column of columns) {
        total++;
        if (column.has(image, view)) stored++;
        else bytes += column.bytes;
      }
  return { stored: total === 0 ? 1 : stored / total, bytes };
}

const sameParts = (a: ColumnSpec['of'], b: ColumnSpec['of']): boolean =>
  a.length === b.length &&
  a.every((part, i) => {
    const other = b[i]!;
    if (typeof part === 'string' || typeof other === 'string') return part === other;
    return part.length === other.length && part.every((byte, at) => byte === other[at]);
  });
