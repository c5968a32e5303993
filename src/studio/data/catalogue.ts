import { setImmediate } from 'node:timers/promises';
import { addressIn, showAddress } from '../../data/address.ts';
import type { DataFacts, PictureRow } from '../answers.ts';

export interface CatalogueHead {
  readonly root: string;
  readonly classes: readonly string[];
  readonly images: number;
  /** The first so many are for training, the rest for validation. */
  readonly train: number;
  readonly splitSource: 'folders' | 'seeded';
  readonly multilabel: boolean;
  readonly notes: readonly string[];
}

export interface Filter {
  readonly class?: number | undefined;
  readonly split?: 'train' | 'val' | undefined;
  /** Part of the name, in any case. */
  readonly name?: string | undefined;
}

/** Names that are looked at before others may have their turn. */
const PIECE = 20_000;
/** Filters whose finds are kept. */
const KEPT = 6;

/** The images of a data set in a few arrays: a million of them take some 40 MB, where strings would take several times as much. */
export class Catalogue {
  readonly head: CatalogueHead;
  readonly facts: DataFacts;
  readonly #labelStarts: Uint32Array;
  readonly #labels: Int32Array;
  readonly #pathStarts: Uint32Array;
  readonly #text: Buffer;
  readonly #found = new Map<string, Promise<Uint32Array>>();

  constructor(head: CatalogueHead, body: Buffer) {
    this.head = head;
    // Copied once, so that numbers of four bytes lie where such numbers may.
    const bytes = new Uint8Array(body).buffer;
    const n = head.images + 1;
    this.#labelStarts = new Uint32Array(bytes, 0, n);
    const labels = this.#labelStarts[head.images]!;
    this.#labels = new Int32Array(bytes, 4 * n, labels);
    this.#pathStarts = new Uint32Array(bytes, 4 * (n + labels), n);
    this.#text = Buffer.from(bytes, 4 * (2 * n + labels));
    this.facts = this.#facts();
  }

  path(i: number): string {
    return this.#text.toString('utf8', this.#pathStarts[i]!, this.#pathStarts[i + 1]!);
  }

  /** Address of the image (src/data/address.ts). */
  address(i: number): string {
    return addressIn(this.head.root, this.path(i));
  }

  row(i: number): PictureRow {
    const classes = [...this.#labels.subarray(this.#labelStarts[i]!, this.#labelStarts[i + 1]!)];
    return { i, name: showAddress(this.path(i)), split: i < this.head.train ? 'train' : 'val', classes };
  }

  has(i: number, k: number): boolean {
    for (let at = this.#labelStarts[i]!; at < this.#labelStarts[i + 1]!; at++) if (this.#labels[at] === k) return true;
    return false;
  }

  /** Places of the images that fit, ascending. */
  find(filter: Filter): Promise<Uint32Array> {
    const key = JSON.stringify([filter.class, filter.split, filter.name]);
    const known = this.#found.get(key);
    if (known) return known;
    const found = this.#find(filter);
    this.#found.set(key, found);
    const [oldest] = this.#found.keys();
    if (this.#found.size > KEPT) this.#found.delete(oldest!);
    return found;
  }

  async #find({ class: k, split, name }: Filter): Promise<Uint32Array> {
    const from = split === 'val' ? this.head.train : 0;
    const to = split === 'train' ? this.head.train : this.head.images;
    const wanted = name?.toLowerCase();
    const found = new Uint32Array(to - from);
    let count = 0;
    for (let i = from; i < to; i++) {
      if ((i - from) % PIECE === PIECE - 1) await setImmediate();
      if (k !== undefined && !this.has(i, k)) continue;
      if (wanted && !showAddress(this.path(i)).toLowerCase().includes(wanted)) continue;
      found[count++] = i;
    }
    return found.slice(0, count);
  }

  #facts(): DataFacts {
    const counts = this.head.classes.map(() => [0, 0] as [number, number]);
    for (let i = 0; i < this.head.images; i++)
      for (let at = this.#labelStarts[i]!; at < this.#labelStarts[i + 1]!; at++)
        counts[this.#labels[at]!]![i < this.head.train ? 0 : 1]++;
    const { images, train, splitSource, multilabel, notes, classes } = this.head;
    return {
      images,
      train,
      splitSource,
      multilabel,
      notes,
      classes: classes.map((className, k) => ({ name: className, train: counts[k]![0], val: counts[k]![1] })),
    };
  }
}
