import { expect, it } from 'vitest';
import { ckaSvg } from './ckaSvg.ts';
import { viridis } from './colours.ts';
import { distanceSvg } from './distanceSvg.ts';
import { ticks } from './svg.ts';

it('ticks are round and reach the largest value', () => {
  expect(ticks(14.4)).toEqual([0, 5, 10, 15]);
  expect(ticks(1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks(0).length).toBeGreaterThan(1);
});

it('attention distance: one dot a head at its height, the line through the means', () => {
  const svg = distanceSvg(
    [
      {
        name: 'a<b',
        heads: [
          [0, 10],
          [5, 5],
        ],
        mean: [5, 5],
      },
    ],
    7,
  );
  const dots = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="4"[^>]*><title>([\d.]+) px/g)].map((m) =>
    m.slice(1).map(Number),
  );
  expect(dots.map(([, , value]) => value)).toEqual([0, 10, 5, 5]);
  const [zero, ten, five] = dots.map(([, y]) => y!);
  expect(five).toBeCloseTo((zero! + ten!) / 2, 1);
  expect(zero).toBeGreaterThan(ten!);
  const points = svg.match(/polyline points="([^"]+)"/)![1]!.split(' ');
  expect(points.map((point) => Number(point.split(',')[1]))).toEqual([five, five]);
  expect(svg).toContain('a&lt;b: one dot a head');
  expect(svg).toContain('7 images');
});

it('CKA: a cell a pair in the colour of its value, the first row below', () => {
  const side = { model: 'm', layers: ['l0', 'l1'] };
  const svg = ckaSvg({
    rows: side,
    columns: side,
    values: [
      [1, 0],
      [null, 0.25],
    ],
    images: 9,
  });
  const cells = [
    ...svg.matchAll(/<title>(\w+) - (\w+): ([-\d.]+)<\/title><rect x="\d+" y="(\d+)"[^>]*fill="rgb\(([^)]+)\)"/g),
  ];
  expect(cells.map((m) => [m[1], m[2], m[3], m[5]])).toEqual([
    ['l0', 'l0', '1.00', viridis(1).join(',')],
    ['l0', 'l1', '0.00', viridis(0).join(',')],
    ['l1', 'l0', '-', '221,221,221'],
    ['l1', 'l1', '0.25', '59,82,139'],
  ]);
  expect(Number(cells[0]![4])).toBeGreaterThan(Number(cells[2]![4]));
});
