import { expect, it } from 'vitest';
import { lineChart, shortNumber } from './lineChart.ts';
import { ticksBetween } from './svg.ts';

const chart = (points: readonly (readonly [number, number])[], more: object = {}) =>
  lineChart({
    title: 'a <title>',
    xLabel: 'step',
    yLabel: 'loss',
    series: [{ name: 'x & y', points: points.map(([x, y]) => ({ x, y })) }],
    ...more,
  });
const lineOf = (svg: string) =>
  svg
    .match(/<polyline points="([^"]*)"/)![1]!
    .split(' ')
    .map((point) => point.split(',').map(Number) as [number, number]);

it('points stand in proportion, higher values higher, and names are escaped', () => {
  const svg = chart([
    [0, 1],
    [5, 2],
    [10, 3],
  ]);
  const [first, middle, last] = lineOf(svg);
  expect(middle![0]).toBeCloseTo((first![0] + last![0]) / 2, 1);
  expect(middle![1]).toBeCloseTo((first![1] + last![1]) / 2, 1);
  expect(last![1]).toBeLessThan(first![1]);
  expect(svg).toContain('x &amp; y');
  expect(svg).toContain('<title>a &lt;title&gt;</title>');
});

it('NaN and infinities are left out; one value stands alone; nothing gives no picture', () => {
  const gap = chart([
    [0, 1],
    [1, Number.NaN],
    [2, 2],
    [3, Number.POSITIVE_INFINITY],
  ]);
  expect(lineOf(gap)).toHaveLength(2);
  expect(gap).not.toMatch(/NaN|Infinity/);
  const single = chart([[7, 0.5]]);
  expect(single).not.toMatch(/NaN|Infinity/);
  expect(single).toContain('<circle');
  expect(chart([[1, Number.NaN]])).toBe('');
});

it('on a logarithmic axis equal factors are equal ways', () => {
  const logX = { marks: [1, 10, 100], name: String };
  const [a, b, c] = lineOf(
    chart(
      [
        [1, 0],
        [10, 0],
        [100, 1],
      ],
      { logX },
    ),
  );
  expect(b![0] - a![0]).toBeCloseTo(c![0] - b![0], 1);
});

it('ticks are round and hold the values, at any size', () => {
  expect(ticksBetween(0.12, 0.48)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5]);
  expect(ticksBetween(-3, 3)).toEqual([-4, -2, 0, 2, 4]);
  for (const [low, high] of [
    [1e-7, 3e-7],
    [5, 5],
    [0, 0],
    [-2e9, 7e9],
  ] as const) {
    const levels = ticksBetween(low, high);
    expect(levels.length).toBeGreaterThan(1);
    expect(levels.length).toBeLessThan(12);
    expect(levels[0]!).toBeLessThanOrEqual(low);
    expect(levels.at(-1)!).toBeGreaterThanOrEqual(high);
  }
});

it('a series without values is not in the legend, and the others keep their colours', () => {
  const svg = lineChart({
    title: 't',
    xLabel: 'x',
    yLabel: 'y',
    series: [
      { name: 'empty', points: [] },
      { name: 'full', points: [{ x: 0, y: 1 }] },
    ],
  });
  expect(svg).not.toContain('empty');
  expect(svg).toContain('<g stroke="#d55e00"');
});

it('numbers are short', () => {
  expect([0.00012, 0, 1.23456, 25000, 3_400_000, -1e-6].map(shortNumber)).toEqual([
    '1.2e-4',
    '0',
    '1.235',
    '25k',
    '3.4M',
    '-1e-6',
  ]);
});
