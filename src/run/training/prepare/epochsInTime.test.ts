import { describe, expect, it } from 'vitest';
import { epochsInTime, type RunCost, secondsOfRun } from './epochsInTime.ts';

const cost = (given: Partial<RunCost> = {}): RunCost => ({ once: 0, epoch: 10, evaluation: 0, evalEvery: 1, ...given });

describe('epochs in a time', () => {
  it.each([
    // An epoch of 58 s in 120 s: two, not one.
    [120, cost({ epoch: 58 }), 2.06],
    [100, cost(), 10],
    [100, cost({ once: 5 }), 9.5],
    // Four epochs with theirs take 88, the last evaluation 12: nothing is left for a fifth.
    [100, cost({ evaluation: 12 }), 4],
    // 4 x 12 = 48; 52 - 48 less an evaluation of 2 leaves 2 of an epoch's 10.
    [52, cost({ evaluation: 2 }), 4.2],
    // One evaluation after five epochs, one at the end: 5 x 10 + 4, then 46 - 4 = 42 of a second stretch.
    [100, cost({ evaluation: 4, evalEvery: 5 }), 9.2],
    [9, cost(), 0.9],
    [3, cost({ once: 5 }), 0],
  ])('%s s of %o are %s epochs', (seconds, given, epochs) => {
    expect(epochsInTime(seconds, given)).toBeCloseTo(epochs, 9);
  });

  it('the run ends in time, and a little more would not', () => {
    for (const once of [0, 3])
      for (const evaluation of [0, 1, 7, 30])
        for (const evalEvery of [1, 3, 100])
          for (const seconds of [41, 60, 90, 600, 7200]) {
            const given = cost({ once, evaluation, evalEvery });
            const epochs = epochsInTime(seconds, given);
            if (epochs === 0) continue;
            expect(secondsOfRun(epochs, given)).toBeLessThanOrEqual(seconds + 1e-4);
            expect(secondsOfRun(epochs + 0.02, given)).toBeGreaterThan(seconds);
          }
  });
});
