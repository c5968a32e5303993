import type { Curve } from '../answers.ts';

/** Thins a curve to at most `most` points; of what was not finite (null) nothing is drawn. */
export function thin(
  x: readonly number[],
  y: readonly (number | null)[],
  most: number,
  from = 0,
  to = x.length,
): Curve {
  const count = to - from;
  if (count <= most) return { x: x.slice(from, to), y: y.slice(from, to) };
  const thinned = {
    x: [] as number[],
    y: [] as (number | null)[],
    low: [] as (number | null)[],
    high: [] as (number | null)[],
  };
  for (let i = 0; i < most; i++) {
    const [start, end] = [from + Math.floor((i * count) / most), from + Math.floor(((i + 1) * count) / most)];
    let [sum, steps, values, low, high] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let at = start; at < end; at++) {
      steps += x[at]!;
      const value = y[at];
      if (value === null || value === undefined) continue;
      values++;
      sum += value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    thinned.x.push(Math.round(steps / (end - start)));
    thinned.y.push(values === 0 ? null : sum / values);
    thinned.low.push(values === 0 ? null : low);
    thinned.high.push(values === 0 ? null : high);
  }
  return thinned;
}

/** The first index whose value is not below; `x` ascends. */
export function firstFrom(x: readonly number[], value: number): number {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
