import type { Place } from './rename.ts';

interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Tensors under a file's names as parameters under ours: row blocks of one parameter are stacked. */
export function joinBlocks(
  theirs: ReadonlyMap<string, Weight>,
  places: ReadonlyMap<string, Place>,
): Map<string, Weight> {
  const blocks = new Map<string, Weight[]>();
  for (const [name, weight] of theirs) {
    const { ours, part } = places.get(name)!;
    const list = blocks.get(ours) ?? [];
    list[part] = weight;
    blocks.set(ours, list);
  }
  return new Map(
    [...blocks].map(([ours, list]) => [ours, list.length === 1 ? list[0]! : stacked(list.filter(Boolean))]),
  );
}

function stacked(list: readonly Weight[]): Weight {
  const data = new Float32Array(list.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const part of list) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const rows = list.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  return { shape: [rows, ...list[0]!.shape.slice(1)], data };
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
