import { describe, expect, it } from 'vitest';
import { ChannelMoments } from './moments.ts';

describe('ChannelMoments', () => {
  it('are the mean and the biased variance of each channel, however the rows come', () => {
    const whole = new ChannelMoments(2);
    whole.add([1, 10, 3, 10, 8, 40]);
    expect([...whole.mean()]).toEqual([4, 20]);
    expect(whole.variance()[0]).toBeCloseTo((9 + 1 + 16) / 3, 12);
    expect(whole.variance()[1]).toBeCloseTo((100 + 100 + 400) / 3, 12);
    const parts = new ChannelMoments(2);
    for (const row of [
      [1, 10],
      [3, 10],
      [8, 40],
    ])
      parts.add(row);
    expect([...parts.mean(), ...parts.variance()]).toEqual([...whole.mean(), ...whole.variance()]);
  });

  it('do not lose a small deviation beside a large mean', () => {
    const far = new ChannelMoments(1);
    far.add([1e8, 1e8 + 1, 1e8 + 2]);
    expect(far.variance()[0]).toBeCloseTo(2 / 3, 9);
  });
});
