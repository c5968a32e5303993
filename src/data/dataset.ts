import { type Stream, stream } from '../random/stream.ts';
import { showAddress } from './address.ts';

/** Images by path. `labels[i]` is the class index of `paths[i]`, or -1 when it has none or where `sets` has them. */
export interface ImageList {
  /** Folder that `paths` are relative to. */
  readonly root: string;
  /** Relative paths with `/` between folders, in code-point order. */
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** Multilabel data: the class indices of each image, ascending; an image may have none. */
  readonly sets?: readonly (readonly number[])[];
}

export interface Dataset {
  /** Class names in code-point order; empty when the images are unlabelled. */
  readonly classes: readonly string[];
  readonly train: ImageList;
  readonly val: ImageList;
  /** Whether the folders said which images are for validation, or the seed did. */
  readonly splitSource: 'folders' | 'seeded';
  /** What was taken as what, where the data can be read in two ways. */
  readonly notes?: readonly string[];
}

/** What an image of a list is called in messages: its path from where the program runs. */
export const imageName = ({ root, paths }: Pick<ImageList, 'root' | 'paths'>, index: number): string =>
  showAddress(`${root}${/[/\\]$/.test(root) ? '' : '/'}${paths[index]!}`);

/** How much of a list to keep: a fraction in (0, 1] or a number of images. */
export type Amount = { readonly fraction: number } | { readonly count: number };

/**
 * Order by Unicode code point: the same in every locale and on every machine.
 * JavaScript's `<` orders by UTF-16 unit, which puts U+1F600 before U+FF01; Python, whose class order users compare
 * ours with, does not.
 */
export function compareCodePoints(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return aboveSurrogates(x) - aboveSurrogates(y);
  }
  return a.length - b.length;
}

/** The halves of code points beyond 16 bits stand above all other units. */
const aboveSurrogates = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

/** Sorts in place by code point. JavaScript's own order, which is many times as fast, is the same but for surrogates. */
export function sortByCodePoint(names: string[]): void {
  if (names.some((name) => /[\ud800-\udfff]/.test(name))) names.sort(compareCodePoints);
  else names.sort();
}

/** The list with other numbers for its classes: class i becomes `at[i]`. */
export function renumber(list: ImageList, at: readonly number[]): ImageList {
  return {
    ...list,
    labels: list.labels.map((label) => at[label] ?? -1),
    ...(list.sets && { sets: list.sets.map((set) => set.map((i) => at[i]!).sort((a, b) => a - b)) }),
  };
}

/** The images at `indices`, which are taken in ascending order so that a list stays sorted. */
export function select(list: ImageList, indices: readonly number[]): ImageList {
  const sorted = Uint32Array.from(indices).sort();
  return {
    root: list.root,
    paths: Array.from(sorted, (i) => list.paths[i]!),
    labels: Int32Array.from(sorted, (i) => list.labels[i]!),
    ...(list.sets && { sets: Array.from(sorted, (i) => list.sets![i]!) }),
  };
}

/**
 * Stratified, seeded split. Each class with at least two images gives max(1, round(valFraction * count)) of them to
 * `val` and keeps at least one; a class with one image keeps it. `valFraction` 0 leaves `val` empty.
 * Our choice: images of multilabel data are one class here, so their split is seeded and plain.
 */
export function splitList(list: ImageList, valFraction: number, seed: number): { train: ImageList; val: ImageList } {
  const [train, val]: [number[], number[]] = [[], []];
  for (const [, members] of shuffledByClass(list.labels, (label) => stream(seed, 'split', label))) {
    const wanted = Math.max(1, Math.round(valFraction * members.length));
    const taken = valFraction === 0 || members.length < 2 ? 0 : Math.min(wanted, members.length - 1);
    for (const [rank, index] of members.entries()) (rank < taken ? val : train).push(index);
  }
  return { train: select(list, train), val: select(list, val) };
}

/**
 * Stratified, seeded and nested: with one seed, a smaller subset is contained in every larger one.
 *
 * All images are put in one fixed order and the first ones are kept. The order begins with one image of each class, so
 * that no class vanishes while there is room for all; the r-th image of a class with n follows at (r + u) / n, u drawn
 * once per class, so that every prefix holds each class in proportion, within one image.
 */
export function subset(list: ImageList, amount: Amount, seed: number): ImageList {
  const total = list.paths.length;
  const count = Math.min(total, 'count' in amount ? amount.count : Math.max(1, Math.round(amount.fraction * total)));
  const ranked: { index: number; key: number }[] = [];
  for (const [label, members] of shuffledByClass(list.labels, (label) => stream(seed, 'subset', label))) {
    const start = stream(seed, 'subset offset', label).uniform();
    for (const [rank, index] of members.entries())
      ranked.push({ index, key: rank === 0 ? start - 1 : (rank + start) / members.length });
  }
  ranked.sort((a, b) => a.key - b.key || a.index - b.index);
  return select(
    list,
    ranked.slice(0, count).map((x) => x.index),
  );
}

/** Indices grouped by label, labels ascending, each group shuffled by its own stream. */
function shuffledByClass(labels: Int32Array, random: (label: number) => Stream): [number, number[]][] {
  const groups = new Map<number, number[]>();
  for (const [index, label] of labels.entries()) {
    const group = groups.get(label);
    if (group) group.push(index);
    else groups.set(label, [index]);
  }
  return [...groups].sort((a, b) => a[0] - b[0]).map(([label, group]) => [label, shuffle(group, random(label))]);
}

function shuffle(values: number[], random: Stream): number[] {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
}
