import { expect, it } from 'vitest';
import { Scrolled } from './scrolled.ts';

it('a list that an element can hold is where its bar is', () => {
  const list = new Scrolled(5000, 500);
  expect([list.height, list.to(0), list.to(1234), list.to(4500)]).toEqual([5000, 0, 1234, 4500]);
});

it('a higher one goes by pixels in small steps, by shares in jumps, and reaches both ends', () => {
  const list = new Scrolled(60_000_000, 500);
  expect(list.height).toBe(12_000_000);
  expect([list.to(100), list.to(200), list.to(160)]).toEqual([100, 200, 160]);
  const middle = list.to(6_000_000);
  expect(Math.abs(middle - 30_000_000)).toBeLessThan(2000);
  expect(list.to(6_000_053) - middle).toBe(53);
  expect(list.to(11_999_500)).toBe(59_999_500);
  expect(list.to(0)).toBe(0);
});
