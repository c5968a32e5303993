import { expect, it } from 'vitest';
import { CourseClock } from './course.ts';

it('evaluations cost nothing, and the first one at the target is taken', () => {
  let [cpu, wall] = [0, 0];
  const clock = new CourseClock(
    () => ({ user: 0.75e6 * cpu, system: 0.25e6 * cpu }),
    () => 1000 * wall,
  );
  const pass = (seconds: number, elapsed: number) => ([cpu, wall] = [cpu + seconds, wall + elapsed]);
  for (const [epoch, top1] of [0.5, 0.8, 0.9].entries()) {
    pass(10, 20);
    clock.trained();
    pass(3, 5);
    clock.evaluated(epoch + 1, top1);
  }
  const { curve, reached } = clock.course(0.8);
  expect(curve.map(({ cpuSeconds, wallSeconds }) => [cpuSeconds, wallSeconds])).toEqual([
    [10, 20],
    [20, 40],
    [30, 60],
  ]);
  expect(reached).toEqual({ epoch: 2, top1: 0.8, cpuSeconds: 20, wallSeconds: 40 });
  expect(clock.course(0.95).reached).toBeNull();
});
