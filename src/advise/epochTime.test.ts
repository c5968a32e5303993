import { expect, it } from 'vitest';
import type { RunEvent } from '../train/events.ts';
import { EpochTime } from './epochTime.ts';

it('adds up the stages of an epoch, without what a step waited for something else', () => {
  let now = 0;
  const time = new EpochTime(() => now);
  const tell = (event: object) => time.on({ time: 0, ...event } as RunEvent);
  tell({ type: 'runStart', totals: { stages: 2, epochs: 4, steps: 40 } });
  // 30 steps of 0.1 s, 10 steps of 0.2 s; a compile of 9 s within the first stage, another between the two.
  for (const [stage, from, to, seconds] of [
    [0, 0, 30, 0.1],
    [1, 30, 40, 0.2],
  ] as const) {
    tell({ type: 'stageStart', stage, name: '', steps: to - from });
    now += 5;
    for (let step = from + 1; step <= to; step++) {
      now += seconds + (step === 7 ? 9 : 0);
      tell({ type: 'step', step, stage });
    }
  }
  expect(time.perEpoch()).toBeCloseTo((30 * 0.1 + 10 * 0.2) / 4, 9);
});

it('knows nothing of a stage of which it saw too little', () => {
  const time = new EpochTime(() => 1);
  time.on({ type: 'runStart', time: 0, totals: { stages: 1, epochs: 2, steps: 2 } } as RunEvent);
  time.on({ type: 'stageStart', time: 0, stage: 0, name: '', steps: 2 });
  expect(time.perEpoch()).toBeNull();
});
