import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { UserError } from '../../graph/errors.ts';

/** Larger files are no classifiers: the largest published ones have some hundred thousand fields. */
const MAX_FIELDS = 500_000;
/** A packed 64-bit list becomes one object a number in JavaScript. Shapes come so, weights do not. */
const MAX_LONG_LIST_BYTES = 8_000_000;
const MAX_DEPTH = 90;

/**
 * Walks the wire format without building anything, so that a file that is cut off, or whose messages would need a hundred
 * times its own size in memory, is refused first. Weights are stepped over.
 * Source: the protocol buffers encoding (tags, wire types, varints).
 */
export function checkSize(bytes: Uint8Array, schema: DescMessage, where: string): void {
  const wire = new Wire(bytes, where);
  const messages = [schema];
  const ends = [bytes.length];
  let [fields, longListBytes] = [0, 0];
  while (messages.length > 0) {
    const end = ends.at(-1)!;
    if (wire.at === end) {
      messages.pop();
      ends.pop();
      continue;
    }
    const tag = wire.varint(end);
    const field = fieldNumbered(messages.at(-1)!, Math.floor(tag / 8));
    const size = wire.bodySize(tag % 8, end);
    const inner = tag % 8 === 2 ? messageOf(field) : undefined;
    if (inner) {
      messages.push(inner);
      ends.push(wire.at + size);
    } else {
      if (isLongList(field)) longListBytes += size;
      wire.at += size;
    }
    fields++;
    if (fields > MAX_FIELDS || longListBytes > MAX_LONG_LIST_BYTES || messages.length > MAX_DEPTH)
      throw new UserError(
        `${where}: wanted the graph of an image classifier, got more than fits in bounded memory: up to byte ${wire.at} ${fields} fields, ${longListBytes} bytes of 64-bit lists and messages ${messages.length} deep; the limits are ${MAX_FIELDS}, ${MAX_LONG_LIST_BYTES} and ${MAX_DEPTH}`,
      );
  }
}

const tables = new WeakMap<DescMessage, Map<number, DescField>>();

function fieldNumbered(desc: DescMessage, number: number): DescField | undefined {
  let table = tables.get(desc);
  if (!table) {
    table = new Map(desc.fields.map((field) => [field.number, field]));
    tables.set(desc, table);
  }
  return table.get(number);
}

function messageOf(field: DescField | undefined): DescMessage | undefined {
  return field?.fieldKind === 'message' || (field?.fieldKind === 'list' && field.listKind === 'message')
    ? field.message
    : undefined;
}

function isLongList(field: DescField | undefined): boolean {
  if (field?.fieldKind !== 'list' || field.listKind !== 'scalar') return false;
  return field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64;
}

/** A place in the bytes. */
class Wire {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #where: string;

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#where = where;
  }

  /** A number of at most 53 bits; longer ones (negative numbers) are only stepped over. */
  varint(end: number): number {
    let [value, weight] = [0, 1];
    for (const last = Math.min(end, this.at + 10); this.at < last; weight *= 128) {
      const byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
    throw broken(this.#where, this.at);
  }

  /** How many bytes the field's value has from here on; a varint is stepped over. */
  bodySize(wireType: number, end: number): number {
    let size = wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 0 ? 0 : Number.NaN;
    if (wireType === 0) this.varint(end);
    if (wireType === 2) size = this.varint(end);
    // Not <=: NaN, an unknown wire type, is refused too.
    if (!(this.at + size <= end))
      throw broken(this.#where, this.at, wireType === 2 ? [size, end - this.at] : undefined);
    return size;
  }
}

/** `sizes`: how many bytes the field says that it has, and how many are left. */
function broken(where: string, at: number, sizes?: readonly [number, number]): UserError {
  const said = sizes ? `, which says that it has ${sizes[0]} bytes; ${sizes[1]} are left` : '';
  return new UserError(
    `${where}: wanted an ONNX model, got bytes that end or break off inside a field (at byte ${at}${said}). Was the file cut off in a download, or is it another kind of file?`,
  );
}
