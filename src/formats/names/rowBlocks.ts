import { sizeOf } from '../../graph/shape.ts';
import type { Convention } from './conventions.ts';
import type { Place } from './rename.ts';

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

type Shape = readonly number[];

/** Tensors under a file's names as parameters under ours: row blocks of one parameter are stacked. */
export function joinBlocks(
  theirs: ReadonlyMap<string, Weight>,
  places: ReadonlyMap<string, Place>,
  convention: Convention,
): Map<string, Weight> {
  const zeros = ({ shape }: Weight): Weight => ({ shape, data: new Float32Array(sizeOf(shape)) });
  return joined(theirs, places, convention, zeros, (list, axes) => {
    const { shape, data } = list.length === 1 ? list[0]! : stacked(list);
    return { shape: withAxes(shape, axes), data };
  });
}

/** The same of shapes alone. */
export function joinShapes(
  theirs: ReadonlyMap<string, Shape>,
  places: ReadonlyMap<string, Place>,
  convention: Convention,
): Map<string, Shape> {
  const known = new Map([...places.keys()].map((name) => [name, theirs.get(name)!]));
  const same = (shape: Shape) => shape;
  return joined(known, places, convention, same, (list, axes) => withAxes(stackedShape(list), axes));
}

/** What stands under a file's names, by ours: `join` is given the row blocks of a parameter, with those that are zeros. */
function joined<T>(
  theirs: ReadonlyMap<string, T>,
  places: ReadonlyMap<string, Place>,
  { zeros, axes }: Convention,
  zerosLike: (block: T) => T,
  join: (blocks: readonly T[], axes: number | undefined) => T,
): Map<string, T> {
  const blocks = new Map<string, T[]>();
  for (const [name, one] of theirs) {
    const { ours, part } = places.get(name)!;
    const list = blocks.get(ours) ?? [];
    list[part] = one;
    blocks.set(ours, list);
  }
  return new Map(
    [...blocks].map(([ours, list]) => {
      const [first] = list.filter(Boolean);
      if (zeros?.ours.test(ours)) list[zeros.part] ??= zerosLike(first!);
      return [ours, join(list.filter(Boolean), axes?.[ours])];
    }),
  );
}

const stackedShape = (list: readonly Shape[]): Shape => {
  const first = list[0]!;
  return first.length === 0 ? first : [list.reduce((sum, shape) => sum + (shape[0] ?? 0), 0), ...first.slice(1)];
};

/** With so many axes, those that are missing being 1 and in front. */
const withAxes = (shape: Shape, axes = shape.length): Shape => [
  ...Array.from({ length: Math.max(0, axes - shape.length) }, () => 1),
  ...shape,
];

function stacked(list: readonly Weight[]): Weight {
  const data = new Float32Array(list.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const part of list) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { shape: stackedShape(list.map(({ shape }) => shape)), data };
}

/** A parameter as `count` equal row blocks. */
export function splitBlocks(weight: Weight, count: number): Weight[] {
  if (count === 1) return [weight];
  const { shape, data } = weight;
  const [rows = 0, ...rest] = shape;
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => ({
    shape: [rows / count, ...rest],
    data: data.subarray(i * size, (i + 1) * size),
  }));
}
