import { describe, expect, it } from 'vitest';
import { autoWeights, ledgerOf } from './termProbe.ts';

const probed = new Map([
  ['ce', { value: 2, norm: 3 }],
  ['kd', { value: 1, norm: 8 }],
  ['hidden', { value: 5, norm: 0.02 }],
]);

describe('autoWeights', () => {
  it('makes the open term as long as the others together', () => {
    expect(autoWeights({ ce: 1, kd: 0.5, hidden: Number.NaN }, probed)).toEqual({ hidden: 250 });
  });

  it('gives 1 to a term without gradient, and the inverse length where it stands alone', () => {
    expect(autoWeights({ hidden: Number.NaN }, new Map([['hidden', { value: 5, norm: 0 }]]))).toEqual({ hidden: 1 });
    expect(autoWeights({ hidden: Number.NaN }, probed)).toEqual({ hidden: 50 });
  });
});

describe('ledgerOf', () => {
  it('shares sum to 1 and follow the weighted lengths', () => {
    const ledger = ledgerOf({ ce: 1, kd: 0.5, hidden: 50 }, probed);
    expect(ledger.ce).toEqual({ value: 2, norm: 3, weight: 1, share: 3 / 8 });
    expect(ledger.kd!.share).toBe(0.5);
    expect(ledger.hidden!.share).toBeCloseTo(1 / 8, 12);
  });

  it('shows a term that is a thousand times too small', () => {
    expect(ledgerOf({ ce: 1, kd: 0.5, hidden: 0.05 }, probed).hidden!.share).toBeLessThan(2e-4);
  });
});
