import { expect, it } from 'vitest';
import { Tally } from './metrics.ts';

it('loss and shares are means over the images with a label; the others are decided all the same', () => {
  const tally = new Tally(4);
  tally.add(Float32Array.of(0, Math.log(3)), 1, 0);
  tally.add(Float32Array.of(0, Math.log(3)), 0, 1);
  tally.add(Float32Array.of(5, 0), -1, 3);
  const { loss, top1, images, decisions } = tally.result();
  expect(loss).toBeCloseTo((Math.log(4 / 3) + Math.log(4)) / 2, 6);
  expect([top1, images, ...decisions]).toEqual([0.5, 3, 1, 1, -1, 0]);
});

it('without any label there is no loss and no accuracy, which is not 0', () => {
  const tally = new Tally(1);
  tally.add(Float32Array.of(1, 2), -1, 0);
  const { loss, top1, top5, decisions } = tally.result();
  expect([loss, top1, top5]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  expect([...decisions]).toEqual([1]);
});
