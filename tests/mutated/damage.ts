import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Stream } from '../../src/random/stream.ts';
import { randomText, textDamages } from './textDamage.ts';
import { headerChanged, jsonChanged } from './jsonDamage.ts';
import { repaired, repairedDigests } from './repair.ts';
import type { FileSet, Kind, Seed } from './seeds.ts';

/** One way to spoil a file; `others` are valid files of the same kind. */
export type Damage = (bytes: Buffer, random: Stream, others: readonly Seed[]) => Buffer;

const EXTREMES = [
  0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];

/** A place, more often than by chance where formats have their lengths: near the start or the end. */
function place(bytes: Buffer, random: Stream): number {
  const near = random.below(5);
  const within = Math.min(bytes.length, near > 1 ? bytes.length : 128);
  return near === 1 ? bytes.length - within + random.below(within) : random.below(within);
}

function piece(bytes: Buffer, random: Stream): { from: number; to: number } {
  const from = place(bytes, random);
  const most = random.below(2) ? 16 : Math.ceil(bytes.length / 3);
  return { from, to: Math.min(bytes.length, from + 1 + random.below(most)) };
}

const noise = (length: number, random: Stream) => Buffer.from(Array.from({ length }, () => random.below(256)));

/** Bytes in a copy. */
function written(bytes: Buffer, at: number, part: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  part.copy(copy, at);
  return copy;
}

export const DAMAGES: Readonly<Record<string, Damage>> = {
  bits: (bytes, random) => {
    const copy = Buffer.from(bytes);
    for (let i = random.below(8); i >= 0; i--) copy[place(copy, random)]! ^= 1 << random.below(8);
    return copy;
  },
  cut: (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  overwritten: (bytes, random) => {
    const { from, to } = piece(bytes, random);
    return written(bytes, from, noise(to - from, random));
  },
  removed: (bytes, random) => {
    const { from, to } = piece(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  doubled: (bytes, random) => {
    const { from, to } = piece(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  inserted: (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), noise(1 + random.below(64), random), bytes.subarray(at)]);
  },
  number: (bytes, random) => {
    const value = EXTREMES[random.below(EXTREMES.length)]!;
    const part = Buffer.alloc([1, 2, 4, 8][random.below(4)]!);
    // The low half of 8 bytes stays 0 or is full.
    if (part.length === 8) part.fill(random.below(2) ? 0xff : 0);
    if (random.below(2)) part.writeUIntLE(value % 256 ** Math.min(4, part.length), 0, Math.min(4, part.length));
    else part.writeUIntBE(value % 256 ** Math.min(4, part.length), 0, Math.min(4, part.length));
    return written(bytes, place(bytes, random), part);
  },
  zeros: (bytes, random) => {
    const { from, to } = random.below(4) ? piece(bytes, random) : { from: 0, to: bytes.length };
    return written(bytes, from, Buffer.alloc(to - from));
  },
  spliced: (bytes, random, others) => {
    const { bytes: other } = others[random.below(others.length)]!;
    return Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))]);
  },
  empty: () => Buffer.alloc(0),
  noise: (_bytes, random) => noise(1 + random.below(2000), random),
  text: (_bytes, random) => Buffer.from(randomText(random)),
  packed: (bytes) => gzipSync(bytes),
  lineEnds: (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
};

/** What one damage of a mutated file may be: mostly small ones, since of a file that is all noise only the start is looked at. */
const COMMON = ['bits', 'cut', 'overwritten', 'removed', 'doubled', 'inserted', 'number', 'number', 'zeros', 'spliced'];
const RARE = ['empty', 'noise', 'text', 'packed', 'lineEnds'];

/** What an ending is spoilt by, each as often as it stands there. */
function tablesOf(ending: string): readonly Readonly<Record<string, Damage>>[] {
  if (ending === 'csv' || ending === 'yaml') return [textDamages, textDamages, textDamages, DAMAGES];
  if (ending === 'json') return [{ jsonChanged }, { jsonChanged }, textDamages, DAMAGES];
  if (ending === 'safetensors') return [{ headerChanged }, DAMAGES];
  return [DAMAGES];
}

/** A spoilt file, the others of its folder, and what was done. */
export interface Spoilt {
  readonly seed: Seed;
  readonly bytes: Buffer;
  readonly beside: FileSet;
  readonly done: string;
}

/** A spoilt copy of a valid file, and what was done to it: a function of `random` alone. */
export function mutate(kind: Kind, seeds: readonly Seed[], random: Stream): Spoilt {
  const seed = seeds[random.below(seeds.length)]!;
  const { bytes, done } = spoil(seed, seeds, random);
  if (kind === 'model') return { seed, bytes, ...spoilBeside(seed, seeds, random, done) };
  if (kind !== 'state' && kind !== 'optimizer') return { seed, bytes, beside: seed.beside ?? {}, done };
  const files = { ...seed.beside, [seed.file!]: bytes };
  const { [seed.file!]: own, ...beside } = random.below(4) > 0 ? repairedDigests(files, dirname(seed.file!)) : files;
  return { seed, bytes: own!, beside, done };
}

function spoil(seed: Seed, seeds: readonly Seed[], random: Stream): Pick<Spoilt, 'bytes' | 'done'> {
  let { bytes } = seed;
  const done: string[] = [];
  for (let i = [0, 0, 1, 2][random.below(4)]!; i >= 0 && bytes.length > 0; i--) {
    const tables = tablesOf(seed.ending);
    const table = tables[random.below(tables.length)]!;
    const names = table !== DAMAGES ? Object.keys(table) : random.below(16) > 0 ? COMMON : RARE;
    const name = names[random.below(names.length)]!;
    bytes = table[name]!(bytes, random, seeds);
    done.push(name);
  }
  // Checksums would stop the reader at the first byte that is wrong; with them mended it comes as far as the damage.
  if (random.below(2)) bytes = repaired(seed.ending, bytes);
  return { bytes, done: done.join('+') };
}

/** Another file of the folder is spoilt too, is gone, or is another model's. */
function spoilBeside(
  seed: Seed,
  seeds: readonly Seed[],
  random: Stream,
  done: string,
): Pick<Spoilt, 'beside' | 'done'> {
  const held = seed.beside ?? {};
  const name = Object.keys(held)[random.below(Object.keys(held).length)]!;
  const { [name]: bytes, ...rest } = held;
  const also = (what: string, beside: FileSet) => ({ beside, done: `${done}, ${name}: ${what}` });
  const others = seeds.filter((other) => other.file === name);
  const other = others[random.below(others.length)];
  const way = random.below(5);
  if (way === 0) return also('gone', rest);
  if (way === 1 && other) return also(`that of ${other.name}`, { ...rest, [name]: other.bytes });
  if (way > 3 || !other) return { beside: held, done };
  const spoilt = spoil({ ...other, bytes: bytes! }, seeds, random);
  return also(spoilt.done, { ...rest, [name]: spoilt.bytes });
}
