import { describe, expect, it } from 'vitest';
import { epochOrder, globalStep, positionAt, stepsPerEpoch } from './sampler.ts';

describe('epochOrder', () => {
  it('is a permutation that changes with epoch and seed only', () => {
    const order = epochOrder(50, 7, 3);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epochOrder(50, 7, 3)).toEqual(order);
    expect(epochOrder(50, 7, 4)).not.toEqual(order);
    expect(epochOrder(50, 8, 3)).not.toEqual(order);
  });
});

describe('stepsPerEpoch', () => {
  it('drops the partial batch in training, unless it is the only one, and keeps it in evaluation', () => {
    const cases = [
      [10, 5],
      [11, 5],
      [14, 5],
      [3, 5],
    ].map(([n, b]) => [n!, b!] as const);
    expect(cases.map(([n, b]) => stepsPerEpoch(n, b, true))).toEqual([2, 2, 2, 1]);
    expect(cases.map(([n, b]) => stepsPerEpoch(n, b, false))).toEqual([2, 3, 3, 1]);
  });
});

describe('positions', () => {
  it('count steps over epochs', () => {
    expect(globalStep({ epoch: 2, step: 3 }, 5)).toBe(13);
    expect(positionAt(13, 5)).toEqual({ epoch: 2, step: 3 });
    expect(positionAt(15, 5)).toEqual({ epoch: 3, step: 0 });
  });
});
