import type { Engine } from '../engine/contract.ts';
import { input } from '../graph/build.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceMax } from '../ops/reduce.ts';
import { closeProgram } from '../program/program.ts';

/** Vectors of length 1, [count, width], that are read piece by piece: they may be more than memory holds. */
export interface UnitRows {
  readonly count: number;
  readonly width: number;
  /** Rows `from` up to `to`, good until the next call. */
  read(from: number, to: number): Float32Array;
}

export interface Pair {
  readonly a: number;
  readonly b: number;
  readonly cosine: number;
}

/** Rows that are compared at once. */
const BLOCK = 512;

/**
 * All pairs a < b whose cosine is at least `threshold`, the nearest first; more than `most` of them are not listed.
 * @param onProgress told how many rows have been compared with all before them
 */
export async function nearPairs(
  engine: Engine,
  rows: UnitRows,
  threshold: number,
  most: number,
  onProgress: (rows: number) => void = () => undefined,
): Promise<Pair[] | 'too many'> {
  const { count, width } = rows;
  const side = Math.min(BLOCK, Math.max(1, count));
  const scores = matmul(input('a', [side, width]), input('b', [side, width]), { transB: true });
  const best = reduceMax(scores, { axes: [1] });
  const compiled = await engine.compile(closeProgram({ scores, best }));
  const out = { scores: engine.empty('float32', [side, side]), best: engine.empty('float32', [side]) };
  const block = (from: number) => {
    // The last block is filled up with zeros, which are near to nothing; a block is kept while others are read.
    const data = new Float32Array(side * width);
    data.set(rows.read(from, Math.min(from + side, count)));
    return engine.tensor('float32', [side, width], data);
  };
  const pairs: Pair[] = [];
  try {
    for (let later = 0; later < count; later += side) {
      const a = block(later);
      for (let earlier = 0; earlier <= later; earlier += side) {
        await compiled.run({ a, b: earlier === later ? a : block(earlier) }, out);
        const [values, largest] = [(await out.scores.read()) as Float32Array, (await out.best.read()) as Float32Array];
        for (let i = 0; i < side && later + i < count; i++) {
          if (largest[i]! < threshold) continue;
          for (let j = 0; j < side && earlier + j < later + i; j++)
            if (values[i * side + j]! >= threshold)
              pairs.push({ a: earlier + j, b: later + i, cosine: Math.min(1, values[i * side + j]!) });
        }
        if (pairs.length > most) return 'too many';
      }
      onProgress(Math.min(later + side, count));
    }
  } finally {
    await compiled.dispose();
  }
  return pairs.sort((x, y) => y.cosine - x.cosine || x.a - y.a || x.b - y.b);
}

/**
 * The greedy k-centre choice (Gonzalez, Theoretical Computer Science 38, 1985; for choosing images: Sener & Savarese, arXiv
 * 1708.00489): each next row is the one that is farthest from all that were chosen, so that every beginning of the list covers the
 * rows about as well as so many can. Our choice: the first is the nearest to the mean direction, and of equals the first.
 * @returns the rows in their order, and the least cosine of a row to its nearest chosen one.
 */
export async function coverage(
  rows: UnitRows,
  wanted: number,
  onProgress: (chosen: number) => void = () => undefined,
): Promise<{ readonly chosen: number[]; readonly leastCosine: number }> {
  const { count } = rows;
  const nearest = new Float32Array(count).fill(Number.NEGATIVE_INFINITY);
  const toMean = new Float32Array(count).fill(Number.NEGATIVE_INFINITY);
  approach(rows, meanOf(rows), toMean);
  const chosen: number[] = [];
  let next = extreme(toMean, (a, b) => a > b);
  while (chosen.length < Math.min(wanted, count)) {
    chosen.push(next);
    approach(rows, rows.read(next, next + 1).slice(), nearest);
    // Itself, whatever rounding says, so that no row is chosen twice.
    nearest[next] = Number.POSITIVE_INFINITY;
    next = extreme(nearest, (a, b) => a < b);
    onProgress(chosen.length);
    if (chosen.length % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { chosen, leastCosine: Math.min(1, nearest[next] ?? 1) };
}

function meanOf(rows: UnitRows): Float32Array {
  const mean = new Float32Array(rows.width);
  forEachBlock(rows, (data) => {
    for (let at = 0; at < data.length; at++) mean[at % rows.width]! += data[at]!;
  });
  return mean;
}

/** Raises each row's largest product so far by that with `vector`. */
function approach(rows: UnitRows, vector: Float32Array, largest: Float32Array): void {
  const { width } = rows;
  forEachBlock(rows, (data, from) => {
    for (let row = 0, at = 0; at < data.length; row++) {
      let sum = 0;
      for (let i = 0; i < width; i++, at++) sum += data[at]! * vector[i]!;
      if (sum > largest[from + row]!) largest[from + row] = sum;
    }
  });
}

/** Rows that are read at once. */
const READ = 4096;

function forEachBlock(rows: UnitRows, take: (data: Float32Array, from: number) => void): void {
  for (let from = 0; from < rows.count; from += READ) take(rows.read(from, Math.min(from + READ, rows.count)), from);
}

function extreme(values: Float32Array, beats: (a: number, b: number) => boolean): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (beats(values[i]!, values[best]!)) best = i;
  return best;
}
