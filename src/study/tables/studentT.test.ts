import { expect, it } from 'vitest';
import { tCdf, tQuantile } from './studentT.ts';

it('has the quantiles of the printed tables', () => {
  const table: [p: number, df: number, t: number][] = [
    [0.975, 1, 12.7062047],
    [0.975, 2, 4.3026527],
    [0.975, 4, 2.7764451],
    [0.975, 9, 2.2621572],
    [0.95, 5, 2.0150484],
    [0.995, 10, 3.1692727],
    [0.975, 30, 2.0422725],
    [0.975, 1e6, 1.9599664],
  ];
  for (const [p, df, t] of table) expect(tQuantile(p, df)).toBeCloseTo(t, 6);
  expect(tQuantile(0.5, 3)).toBeCloseTo(0, 12);
});

it('is exact where a closed form exists', () => {
  for (const t of [-3, -0.5, 0, 0.1, 2, 40]) {
    expect(tCdf(t, 1)).toBeCloseTo(0.5 + Math.atan(t) / Math.PI, 12);
    expect(tCdf(t, 2)).toBeCloseTo(0.5 + t / (2 * Math.sqrt(2 + t * t)), 12);
  }
});
