import { createHash } from 'node:crypto';
import type { Label, Layout, Part } from '../layout.ts';

/**
 * A listing as bytes: magic, length of the head, the head as JSON (witnesses, notes, every different label once, sizes of the
 * parts), then for each part where each path ends (uint32), the place of its label (uint32) and the paths as UTF-8; at the end a
 * digest of all of it. A name of a class stands there once, however many images it has.
 */
const MAGIC = Buffer.from('ULIST1\n\n', 'latin1');
const DIGEST_BYTES = 32;

interface Head {
  readonly witnesses: readonly (readonly [string, string])[];
  readonly notes: readonly string[];
  /** null: no label. */
  readonly labels: readonly (Exclude<Label, undefined> | null)[];
  readonly train: Size;
  readonly val: Size | null;
}

interface Size {
  readonly count: number;
  readonly bytes: number;
}

export interface StoredListing {
  readonly witnesses: readonly (readonly [string, string])[];
  /** What was listed; its root is to be set by who reads it. */
  readonly layout: () => Omit<Layout, 'root'>;
}

export function encodeListing({ train, val, notes = [] }: Layout, witnesses: ReadonlyMap<string, string>): Buffer[] {
  const labels = new LabelTable();
  const parts = (val ? [train, val] : [train]).map((part) => encodePart(part, labels));
  const head: Head = {
    witnesses: [...witnesses],
    notes,
    labels: labels.values,
    train: parts[0]!.size,
    val: parts[1]?.size ?? null,
  };
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const chunks = [MAGIC, length, json, ...parts.flatMap(({ chunks }) => chunks)];
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return [...chunks, hash.digest()];
}

/** Throws where the bytes are not what was written. The paths are made when they are asked for. */
export function decodeListing(file: Buffer): StoredListing {
  const end = file.length - DIGEST_BYTES;
  const whole = end >= MAGIC.length + 4 && file.subarray(0, MAGIC.length).equals(MAGIC);
  if (!whole || !createHash('sha256').update(file.subarray(0, end)).digest().equals(file.subarray(end)))
    throw new Error('it is not what was written');
  const from = MAGIC.length + 4;
  const at = from + file.readUInt32LE(MAGIC.length);
  const head = JSON.parse(file.toString('utf8', from, at)) as Head;
  const layout = () => {
    const train = decodePart(file, at, head.train, head.labels);
    if (!head.val) return { train, notes: head.notes };
    const start = at + 8 * head.train.count + head.train.bytes;
    return { train, val: decodePart(file, start, head.val, head.labels), notes: head.notes };
  };
  return { witnesses: head.witnesses, layout };
}

class LabelTable {
  readonly values: (Exclude<Label, undefined> | null)[] = [];
  readonly #places = new Map<string | undefined, number>();

  placeOf(label: Label): number {
    // A list needs a key that no name has: names come from paths and cells, which hold no NUL.
    const key = typeof label === 'object' ? `\0${JSON.stringify(label)}` : label;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.values.length);
    return this.values.push(label ?? null) - 1;
  }
}

function encodePart({ paths, labels }: Part, table: LabelTable): { readonly size: Size; readonly chunks: Buffer[] } {
  const count = paths.length;
  const [ends, places] = [Buffer.alloc(4 * count), Buffer.alloc(4 * count)];
  let bytes = Buffer.allocUnsafe(64 * count + 4096);
  let at = 0;
  paths.forEach((path, i) => {
    // UTF-8 takes at most three bytes a unit of a string.
    if (at + 3 * path.length > bytes.length) bytes = Buffer.concat([bytes], 2 * bytes.length + 3 * path.length);
    at += bytes.write(path, at, 'utf8');
    ends.writeUInt32LE(at, 4 * i);
    places.writeUInt32LE(table.placeOf(labels[i]), 4 * i);
  });
  return { size: { count, bytes: at }, chunks: [ends, places, bytes.subarray(0, at)] };
}

function decodePart(file: Buffer, start: number, { count }: Size, table: Head['labels']): Part {
  const [places, bytes] = [start + 4 * count, start + 8 * count];
  const paths = new Array<string>(count);
  const labels = new Array<Label>(count);
  for (let i = 0, from = 0; i < count; i++) {
    const to = file.readUInt32LE(start + 4 * i);
    paths[i] = file.toString('utf8', bytes + from, bytes + to);
    labels[i] = table[file.readUInt32LE(places + 4 * i)] ?? undefined;
    from = to;
  }
  return { paths, labels };
}
