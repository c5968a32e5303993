import { describe, expect, it } from 'vitest';
import { ortNode } from '../engine/ortNode.ts';
import { stream } from '../random/stream.ts';
import { coverage, nearPairs, type UnitRows } from './neighbours.ts';

/** Rows that reading leaves in one buffer, as reading from a file piece by piece may. */
function rowsOf(vectors: readonly (readonly number[])[]): UnitRows {
  const width = vectors[0]!.length;
  const data = vectors.flatMap((vector) => {
    const size = Math.hypot(...vector) || 1;
    return vector.map((x) => x / size);
  });
  const buffer = new Float32Array(vectors.length * width);
  return {
    count: vectors.length,
    width,
    read: (from, to) => {
      const piece = data.slice(from * width, to * width);
      buffer.fill(Number.NaN).set(piece);
      return buffer.subarray(0, piece.length);
    },
  };
}

const cosine = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);

const random = stream('neighbours');
/** More than a block, so that blocks meet each other. */
const many = Array.from({ length: 1100 }, () => Array.from({ length: 6 }, random.normal));

describe('nearPairs', () => {
  const engine = ortNode({ threads: 1 });

  it('finds each pair above the threshold once, the nearest first, as every pair compared by itself does', async () => {
    const wanted = many.flatMap((a, i) =>
      many.slice(0, i).flatMap((b, j) => (cosine(a, b) >= 0.97 ? [{ a: j, b: i, cosine: cosine(a, b) }] : [])),
    );
    expect(wanted.length).toBeGreaterThan(50);
    const found = await nearPairs(engine, rowsOf(many), 0.97, 1e6);
    if (found === 'too many') throw new Error(found);
    expect(found.map(({ a, b }) => `${a} ${b}`).sort()).toEqual(wanted.map(({ a, b }) => `${a} ${b}`).sort());
    expect(found.every(({ cosine }, i) => i === 0 || cosine <= found[i - 1]!.cosine)).toBe(true);
    const best = wanted.reduce((a, b) => (b.cosine > a.cosine ? b : a));
    expect(found[0]!.cosine).toBeCloseTo(best.cosine, 5);
  });

  it('knows equal vectors, takes zeros for near to nothing, and stops at a limit', async () => {
    const rows = rowsOf([
      [1, 2],
      [2, 4],
      [0, 0],
      [-1, -2],
    ]);
    expect(await nearPairs(engine, rows, 1 - 1e-6, 10)).toEqual([
      { a: 0, b: 1, cosine: expect.closeTo(1, 6) as number },
    ]);
    expect(await nearPairs(engine, rowsOf(many), 0.5, 100)).toBe('too many');
  });
});

describe('coverage', () => {
  it('begins at the middle and takes the farthest each time', async () => {
    const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    // The mean direction is near 41 degrees; then the farthest of 40, and so on.
    const rows = rowsOf([0, 10, 40, 60, 95].map(at));
    const { chosen, leastCosine } = await coverage(rows, 3);
    expect(chosen).toEqual([2, 4, 0]);
    expect(leastCosine).toBeCloseTo(Math.cos((20 * Math.PI) / 180), 6);
  });

  it('equals the choice by all distances, and chooses no row twice where all are equal', async () => {
    const { chosen, leastCosine } = await coverage(rowsOf(many), 40);
    const nearest = (i: number, among: readonly number[]) => Math.max(...among.map((j) => cosine(many[i]!, many[j]!)));
    for (let k = 1; k < chosen.length; k++) {
      const before = chosen.slice(0, k);
      const least = Math.min(...many.map((_, i) => nearest(i, before)));
      expect(nearest(chosen[k]!, before)).toBeCloseTo(least, 5);
    }
    expect(leastCosine).toBeCloseTo(Math.min(...many.map((_, i) => nearest(i, chosen))), 5);
    const same = await coverage(rowsOf([[1], [1], [1]]), 5);
    expect(same).toEqual({ chosen: [0, 1, 2], leastCosine: 1 });
  });
});
