import { largest } from '../../graph/lists.ts';
import { tCdf, tQuantile } from '../../study/tables/studentT.ts';

/** A run's length in processor seconds, and the share of the images that it got wrong. */
export interface Point {
  readonly budget: number;
  readonly error: number;
}

export type Foreseen =
  | { readonly known: true; readonly gain: number; readonly interval: readonly [number, number] }
  | { readonly known: false; readonly why: string };

/** Our choice: farther than so many times the longest run is not told. */
const FARTHEST = 4;

/** A bend that chance alone shows less often than this is one. */
const BENT = 0.05;

interface Line {
  /** Of the logarithm of the error at the length that was asked for. */
  readonly at: number;
  readonly variance: number;
  readonly df: number;
  readonly bent: boolean;
}

/**
 * The gain of one arm over another at a length beyond its runs. The model: the error falls as a power of the processor time, a line
 * in logarithms of both, fitted to all runs of an arm. Where three lengths do not lie on a line, or the length is too far, there is no
 * answer. The interval is over new seeds and, by `imageVariance`, over new images; that the power law itself may end is not in it.
 */
export function foresee(
  arm: readonly Point[],
  rival: readonly Point[],
  budget: number,
  images: number,
  imageVariance: number,
): Foreseen {
  const longest = largest(arm.map((point) => point.budget));
  if (budget > FARTHEST * longest)
    return {
      known: false,
      why: `nothing is foretold beyond ${FARTHEST} times the longest run`,
    };
  const lines = [arm, rival].map((points) => powerLaw(points, budget, images));
  const [mine, other] = lines;
  if (!mine || !other) return { known: false, why: 'runs of three lengths, with two seeds or more, would be needed' };
  if (mine.bent || other.bent)
    return { known: false, why: 'the error does not fall as a power of the processor time: its curve bends' };
  const [a, b] = [Math.exp(mine.at), Math.exp(other.at)];
  const parts = [a ** 2 * mine.variance, b ** 2 * other.variance] as const;
  const variance = parts[0] + parts[1] + imageVariance;
  const df =
    variance === 0
      ? 1
      : variance ** 2 / (parts[0] ** 2 / mine.df + parts[1] ** 2 / other.df + imageVariance ** 2 / images);
  const half = tQuantile(0.975, Math.max(1, df)) * Math.sqrt(variance);
  return { known: true, gain: b - a, interval: [b - a - half, b - a + half] };
}

/** Least squares of log error on log length. */
function powerLaw(points: readonly Point[], budget: number, images: number): Line | undefined {
  const lengths = [...new Set(points.map((point) => point.budget))];
  const n = points.length;
  if (lengths.length < 3 || n < lengths.length + 3) return undefined;
  const x = points.map((point) => Math.log(point.budget));
  // An error of 0 has no logarithm; half an image more.
  const y = points.map(({ error }) => Math.log((error * images + 0.5) / (images + 1)));
  const [mx, my] = [average(x), average(y)];
  const sxx = sum(x.map((value) => (value - mx) ** 2));
  const slope = sum(x.map((value, i) => (value - mx) * (y[i]! - my))) / sxx;
  const residual = sum(y.map((value, i) => (value - my - slope * (x[i]! - mx)) ** 2));
  const where = Math.log(budget) - mx;
  const variance = (residual / (n - 2)) * (1 / n + where ** 2 / sxx);
  return { at: my + slope * where, variance, df: n - 2, bent: isBent(points, y, residual, lengths) };
}

/** F test of the means at each length about the line, against the seeds' spread about these means. */
function isBent(points: readonly Point[], y: readonly number[], residual: number, lengths: readonly number[]): boolean {
  const pure = sum(
    lengths.map((length) => {
      const group = y.filter((_, i) => points[i]!.budget === length);
      return sum(group.map((value) => (value - average(group)) ** 2));
    }),
  );
  const df = points.length - lengths.length;
  // With three lengths one degree of freedom is left to the bend: the F value is the square of a Student-t value.
  const t = Math.sqrt(Math.max(0, residual - pure) / (lengths.length - 2) / Math.max(pure / df, 1e-12));
  return 2 * (1 - tCdf(t, df)) < BENT;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const average = (values: readonly number[]): number => sum(values) / values.length;
