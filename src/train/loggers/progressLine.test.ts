import { describe, expect, test } from 'vitest';
import { formatDuration, formatNumber, plainStepLine, progressLine } from './progressLine.ts';
import { step } from './testEvents.ts';

const context = { totals: { stages: 2, epochs: 10, steps: 100 }, stageName: 'nkd' };
const half = step(50);
const line = (columns: number) => progressLine(half, context, columns);

describe('progressLine', () => {
  test('on a wide terminal everything is there', () => {
    expect(line(200)).toBe(
      'stage 1/2 nkd  epoch 5/10  [===============>              ]  50/100  loss 2.500  ce 1.000  kd 1.500  ' +
        'lr 1.00e-3  512 img/s  ETA 3m12s  waiting for data 3%',
    );
  });

  test('a narrower one shortens the bar, then drops the least important parts', () => {
    expect([140, 120, 100, 80, 60, 40, 20, 10].map(line)).toEqual([
      'stage 1/2 nkd  epoch 5/10  [========>       ]  50/100  loss 2.500  ce 1.000  kd 1.500  lr 1.00e-3  512 img/s  ' +
        'ETA 3m12s  waiting for data 3%',
      'stage 1/2 nkd  epoch 5/10  [===>  ]  50/100  loss 2.500  ce 1.000  lr 1.00e-3  512 img/s  ETA 3m12s  ' +
        'waiting for data 3%',
      'stage 1/2 nkd  epoch 5/10  [========>        ]  50/100  loss 2.500  lr 1.00e-3  512 img/s  ETA 3m12s',
      'stage 1/2 nkd  epoch 5/10  [====>    ]  50/100  loss 2.500  512 img/s  ETA 3m12s',
      'stage 1/2 nkd  epoch 5/10  50/100  loss 2.500  ETA 3m12s',
      '[===>   ]  50/100  loss 2.500  ETA 3m12s',
      '50/100  loss 2.500',
      '50/100  lo',
    ]);
  });

  test('no width is exceeded, and a wider line never says less', () => {
    let before = 0;
    for (let columns = 0; columns < 220; columns++) {
      const text = line(columns);
      expect(text.length).toBeLessThanOrEqual(columns);
      const parts = text.split('  ').filter((part) => !part.startsWith('[') && part.trim() !== '').length;
      expect(parts).toBeGreaterThanOrEqual(before);
      before = parts;
    }
  });

  test('the bar is empty at no step, full at the last, and never longer', () => {
    const bar = (at: number) => /\[.*\]/.exec(progressLine(step(at), {}, 160))![0];
    expect(bar(0)).toBe(`[>${' '.repeat(29)}]`);
    expect(bar(99)).toBe(`[${'='.repeat(29)}>]`);
    expect(bar(100)).toBe(`[${'='.repeat(30)}]`);
    expect(bar(150)).toBe(`[${'='.repeat(30)}]`);
  });

  test('one stage is not mentioned, nor a total that is not known', () => {
    const one = { totals: { stages: 1, epochs: 10, steps: 100 }, stageName: 'nkd' };
    expect(plainStepLine(half, one)).toBe(
      'epoch 5/10  50/100  loss 2.500  ce 1.000  kd 1.500  lr 1.00e-3  512 img/s  ETA 3m12s  waiting for data 3%',
    );
    expect(plainStepLine(step(50, { terms: {}, imagesPerSec: 3.25, loss: NaN, etaSeconds: Infinity }), {})).toBe(
      'epoch 5  50/100  loss NaN  lr 1.00e-3  3.250 img/s  ETA ?  waiting for data 3%',
    );
  });
});

test.each([
  [0, '0s'],
  [0.4, '0s'],
  [59.4, '59s'],
  [59.6, '1m00s'],
  [192, '3m12s'],
  [3599.6, '1h00m'],
  [7500, '2h05m'],
  [86399, '23h59m'],
  [86400, '1d00h'],
  [3 * 86400 + 4 * 3600 + 3599, '3d04h'],
  [-1, '?'],
  [NaN, '?'],
  [Infinity, '?'],
])('formatDuration(%d) is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [2.3451, '2.345'],
  [0.012, '0.01200'],
  [-999.96, '-1000'],
  [12345.6, '12346'],
  [1234567, '1.23e+6'],
  [1.25e-5, '1.25e-5'],
  [0, '0'],
  [-Infinity, '-Infinity'],
])('formatNumber(%d) is %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
