import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { byFaces, frankWolfe, type Gram, minNorm, quadratic } from './minNorm.ts';

const gramOf = (vectors: readonly (readonly number[])[]): Gram =>
  vectors.map((a) => vectors.map((b) => a.reduce((sum, x, i) => sum + x * b[i]!, 0)));

/** Gradients in all positions to each other: long, short, acute, obtuse. */
function draws(K: number, count: number): Gram[] {
  const random = stream('gradients', K);
  return Array.from({ length: count }, () => {
    const common = Array.from({ length: 5 }, random.normal);
    return gramOf(
      Array.from({ length: K }, () => {
        const [length, along] = [Math.exp(random.normal()), random.normal()];
        return common.map((x) => length * (along * x + random.normal()));
      }),
    );
  });
}

describe('shares of two gradients', () => {
  it.each([
    [
      'at right angles and as long',
      [
        [1, 0],
        [0, 1],
      ],
      [0.5, 0.5],
      'inside',
    ],
    [
      'at right angles, lengths 1 and 2',
      [
        [1, 0],
        [0, 2],
      ],
      [0.8, 0.2],
      'inside',
    ],
    [
      'parallel, lengths 1 and 3',
      [
        [1, 2],
        [3, 6],
      ],
      [1, 0],
      'clamped',
    ],
    [
      'parallel, lengths 3 and 1',
      [
        [3, 6],
        [1, 2],
      ],
      [0, 1],
      'clamped',
    ],
    [
      'against each other',
      [
        [1, 2],
        [-1, -2],
      ],
      [0.5, 0.5],
      'inside',
    ],
    [
      'equal',
      [
        [1, 2],
        [1, 2],
      ],
      [0.5, 0.5],
      'degenerate',
    ],
    [
      'both nothing',
      [
        [0, 0],
        [0, 0],
      ],
      [0.5, 0.5],
      'degenerate',
    ],
    [
      'not a number',
      [
        [Number.NaN, 0],
        [0, 1],
      ],
      [0.5, 0.5],
      'degenerate',
    ],
    [
      'too long',
      [
        [1e200, 0],
        [0, 1],
      ],
      [0.5, 0.5],
      'degenerate',
    ],
    [
      'one of them nothing',
      [
        [0, 0],
        [0, 1],
      ],
      [1, 0],
      'clamped',
    ],
  ] as const)('%s', (_, vectors, shares, kind) => {
    const found = minNorm(gramOf(vectors));
    found.shares.forEach((share, i) => void expect(share).toBeCloseTo(shares[i]!, 12));
    expect(found.kind).toBe(kind);
  });

  it('inside, the sum of the gradients serves both alike', () => {
    let inside = 0;
    for (const gram of draws(2, 200)) {
      const { shares, kind } = minNorm(gram);
      if (kind !== 'inside') continue;
      inside++;
      const [first, second] = gram.map((row) => row[0]! * shares[0]! + row[1]! * shares[1]!);
      expect(first! / second!).toBeCloseTo(1, 6);
    }
    expect(inside).toBeGreaterThan(50);
  });

  it('faces and Frank-Wolfe find the same', () => {
    for (const gram of draws(2, 100)) {
      const { shares } = minNorm(gram);
      byFaces(gram).forEach((share, i) => void expect(share).toBeCloseTo(shares[i]!, 6));
      frankWolfe(gram).forEach((share, i) => void expect(share).toBeCloseTo(shares[i]!, 4));
    }
  });
});

describe.each([2, 3, 4, 6])('shares of %i gradients', (K) => {
  it('lie on the simplex, and the sum is no longer than any gradient and goes down each loss', () => {
    for (const gram of draws(K, 50)) {
      const { shares } = minNorm(gram);
      expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      const length = quadratic(gram, shares);
      // Frank-Wolfe stops a little before the end.
      const slack = (K > 4 ? 0.02 : 1e-6) * Math.max(...gram.map((row, i) => row[i]!));
      for (const [i, row] of gram.entries()) {
        expect(length).toBeLessThanOrEqual(row[i]! + slack);
        expect(row.reduce((sum, x, j) => sum + x * shares[j]!, 0)).toBeGreaterThanOrEqual(length - slack);
      }
    }
  });
});

it('of three, faces and Frank-Wolfe are as good as a search of the whole simplex', () => {
  const N = 400;
  for (const gram of draws(3, 10)) {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i <= N; i++)
      for (let j = 0; i + j <= N; j++) least = Math.min(least, quadratic(gram, [i / N, j / N, (N - i - j) / N]));
    const scale = Math.max(...gram.map((row, i) => row[i]!));
    expect((quadratic(gram, byFaces(gram)) - least) / scale).toBeLessThan(1e-9);
    expect((quadratic(gram, frankWolfe(gram)) - least) / scale).toBeLessThan(1e-3);
  }
});

it('three equal gradients have the same shares', () => {
  expect(
    minNorm(
      gramOf([
        [1, 2],
        [1, 2],
        [1, 2],
      ]),
    ).shares,
  ).toEqual([1 / 3, 1 / 3, 1 / 3].map((x) => expect.closeTo(x, 6)));
});
