import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { adamw } from './adamw.ts';
import { clipByGlobalNorm } from './clip.ts';
import { warmupConstant, warmupCosine } from './schedule.ts';
import { sgd } from './sgd.ts';
import { chain, type Transform } from './transform.ts';

const ADAMW = adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 });
const SGD = sgd({ momentum: 0, nesterov: false, weightDecay: 0 });

describe('chain', () => {
  it('hands the updates of one to the next, in order', () => {
    const params = [{ name: 'w', value: input('w', [2]), decay: true }];
    const scalars = { rate: input('rate', []) };
    const update = (...order: readonly Transform[]) => {
      const [u] = chain(...order).update([floats([2], [3, 4])], params, new Map(), scalars).updates;
      return Array.from(evaluate([u!], new Map([['rate', ndArray([], [-10])]]))[0]!.data);
    };
    // Clipped to length 1 and then moved by 10; or moved by 50 and then clipped to length 1.
    expect(update(clipByGlobalNorm(1), SGD)).toEqual([expect.closeTo(-6, 4), expect.closeTo(-8, 4)]);
    expect(update(SGD, clipByGlobalNorm(1))).toEqual([expect.closeTo(-0.6, 4), expect.closeTo(-0.8, 4)]);
  });

  it('has the slots and scalars of all parts, and refuses two of one name', () => {
    const params = [{ name: 'w', value: input('w', [2]), decay: true }];
    const both = chain(clipByGlobalNorm(1), ADAMW);
    expect(both.slots(params).map(({ name }) => name)).toEqual(['m.w', 'v.w']);
    expect(both.scalars({ step: 3, lr: 0.1 })).toEqual(ADAMW.scalars({ step: 3, lr: 0.1 }));
    expect(() => chain(ADAMW, SGD).scalars({ step: 1, lr: 1 })).toThrow(
      'internal: chain: two transforms have a scalar called rate',
    );
  });
});

describe('schedules', () => {
  it('warm up in a line and then stay', () => {
    const at = warmupConstant({ lr: 1, warmupLr: 0.2, warmupSteps: 4 });
    expect([0, 1, 2, 3, 4, 900].map(at)).toEqual([0.2, 0.4, 0.6, 0.8, 1, 1].map((x) => expect.closeTo(x, 12)));
  });

  it('a cosine without warm-up begins at lr; one that is all warm-up still ends', () => {
    expect(warmupCosine({ lr: 1, minLr: 0, warmupLr: 0, warmupSteps: 0, totalSteps: 10 })(0)).toBe(1);
    expect(warmupCosine({ lr: 1, minLr: 0.5, warmupLr: 0, warmupSteps: 4, totalSteps: 4 })(4)).toBe(1);
    expect(warmupCosine({ lr: 1, minLr: 0.5, warmupLr: 0, warmupSteps: 4, totalSteps: 4 })(5)).toBe(0.5);
  });
});
