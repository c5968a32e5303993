import type uPlot from 'uplot';

export interface ChartLine {
  readonly name: string;
  /** Index into the eight colours of series; a thing keeps its colour in all charts. */
  readonly colour: number;
  readonly dashed?: boolean;
  /** Drawn thin and pale, under the others: what was smoothed. */
  readonly faint?: boolean;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
  /** The least and the largest value of the stretch that each point stands for. */
  readonly low?: readonly (number | null)[] | undefined;
  readonly high?: readonly (number | null)[] | undefined;
}

/** uPlot wants one x for all lines; where a line has nothing at one, it goes on over it. */
export function aligned(lines: readonly ChartLine[]): uPlot.AlignedData {
  const xs = mergedXs(lines);
  const index = new Map(xs.map((x, i) => [x, i]));
  const rows = lines.flatMap(({ x, y, low, high }) =>
    [y, ...(low ? [low, high ?? low] : [])].map((values) => {
      const row: (number | null | undefined)[] = new Array(xs.length).fill(undefined);
      for (let i = 0; i < x.length; i++) row[index.get(x[i]!)!] = values[i];
      return row;
    }),
  );
  return [xs, ...rows] as uPlot.AlignedData;
}

export function mergedXs(lines: readonly ChartLine[]): number[] {
  const all = new Set<number>();
  for (const { x } of lines) for (const value of x) all.add(value);
  return [...all].sort((a, b) => a - b);
}

/**
 * Exponential moving average with `weight` (0 to below 1) for what came before, its start corrected as in Adam (arXiv 1412.6980,
 * section 3), so that the first value is the first value.
 */
export function smoothed(y: readonly (number | null)[], weight: number): (number | null)[] {
  let [mean, total] = [0, 0];
  return y.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}
