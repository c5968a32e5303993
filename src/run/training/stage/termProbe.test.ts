import { describe, expect, it } from 'vitest';
import { autoWeights, ledgerOf, ledgerWeights } from './termProbe.ts';

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
    const ledger = ledgerOf({ ce: 1, kd: 0.5, hidden: 50 }, { terms: probed, cosines: [] }).terms;
    expect(ledger.ce).toEqual({ value: 2, norm: 3, weight: 1, share: 3 / 8 });
    expect(ledger.kd!.share).toBe(0.5);
    expect(ledger.hidden!.share).toBeCloseTo(1 / 8, 12);
  });

  it('shows a term that is a thousand times too small', () => {
    expect(ledgerOf({ ce: 1, kd: 0.5, hidden: 0.05 }, { terms: probed, cosines: [] }).terms.hidden!.share).toBeLessThan(
      2e-4,
    );
  });

  it('tells conflict by the gradients and dominance by the weighted ones', () => {
    const cosines = [
      { of: ['ce', 'kd'], cosine: -0.5 },
      { of: ['ce', 'hidden'], cosine: 0.25 },
    ] as const;
    expect(ledgerOf({ ce: 1, kd: 0.5, hidden: 0 }, { terms: probed, cosines }).pairs).toEqual([
      { terms: ['ce', 'kd'], cosine: -0.5, ratio: 3 / 4 },
      { terms: ['ce', 'hidden'], cosine: 0.25, ratio: null },
    ]);
  });

  it('has for balanced terms what the step weighs them with', () => {
    const form = { logLoss: true, floor: 1e-3, minLoss: {}, normalise: 'none' } as const;
    const balance = { shares: { ce: 0.25, kd: 0.75 }, form };
    const weights = ledgerWeights({ ce: 1, kd: 2, hidden: 0 }, balance, { terms: probed, cosines: [] });
    expect(weights).toEqual({ ce: 0.125, kd: 0.75, hidden: 0 });
    expect(ledgerWeights({ ce: 1 }, undefined, { terms: probed, cosines: [] })).toEqual({ ce: 1 });
  });
});
