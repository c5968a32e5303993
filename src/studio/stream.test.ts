import { expect, it } from 'vitest';
import { pace } from './stream.ts';

it('a run is told of at each look at first, then each thirtieth of its age, at most every five seconds', () => {
  expect([0, 30_000, 90_000, 150_000, 3_600_000].map(pace)).toEqual([0, 1000, 3000, 5000, 5000]);
  // A clock that another machine set, and a file system without times of birth.
  expect([pace(-5000), pace(Date.now())]).toEqual([0, 5000]);
});
