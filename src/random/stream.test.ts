import { describe, expect, it } from 'vitest';
import { beta, permutation, stream } from './stream.ts';

const draw = (n: number, f: () => number) => Array.from({ length: n }, f);

describe('stream', () => {
  it('depends on its keys alone', () => {
    const a = draw(5, stream(1, 'augment', 3).uint32);
    expect(draw(5, stream(1, 'augment', 3).uint32)).toEqual(a);
    for (const keys of [
      [1, 'augment', 4],
      [2, 'augment', 3],
      [1, 'Augment', 3],
      ['1', 'augment', 3],
      [1, 'augment', 3.5],
    ])
      expect(draw(5, stream(...keys).uint32)).not.toEqual(a);
  });

  it('has the moments of its distributions', () => {
    const random = stream(7);
    const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
    const uniform = draw(40000, random.uniform);
    expect(Math.abs(mean(uniform) - 0.5)).toBeLessThan(0.006);
    const normal = draw(40000, random.normal);
    expect(Math.abs(mean(normal))).toBeLessThan(0.02);
    expect(Math.abs(mean(normal.map((x) => x * x)) - 1)).toBeLessThan(0.04);
    const betas = draw(20000, () => beta(0.8, 0.8, random));
    expect(Math.abs(mean(betas) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs(mean(betas.map((x) => (x - 0.5) ** 2)) - 1 / (4 * 2.6))).toBeLessThan(0.003);
  });

  it('gives neighbouring keys unrelated first draws', () => {
    const first = draw(4096, () => 0).map((_, i) => stream(0, i).uniform());
    const lag = first.slice(1).reduce((sum, x, i) => sum + (x - 0.5) * (first[i]! - 0.5), 0) / 4095;
    expect(Math.abs(lag)).toBeLessThan(0.006);
  });
});

describe('permutation', () => {
  it('holds every index once and is not the identity', () => {
    const order = permutation(1000, stream(1));
    expect([...order].sort((a, b) => a - b)).toEqual(draw(1000, () => 0).map((_, i) => i));
    expect([...order].filter((x, i) => x === i).length).toBeLessThan(10);
  });
});
