import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { drawMix, type Mix, type MixConfig, mixRows } from './mix.ts';

const deit: MixConfig = { mixup: 0.8, cutmix: 1, switch: 0.5, probability: 1 };
const draws = (config: MixConfig, count = 2000, size = 20) =>
  Array.from({ length: count }, (_, step) => drawMix(config, size, 3, 1, step));
const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
const deviation = (xs: readonly number[]) => Math.sqrt(mean(xs.map((x) => (x - mean(xs)) ** 2)));

describe('drawMix', () => {
  it('switches between mixup and cutmix, whose shares have the variance of their Beta', () => {
    const all = draws(deit) as Mix[];
    const own = (kind: Mix['kind']) => all.filter((mix) => mix.kind === kind).map((mix) => mix.own);
    expect(Math.abs(own('mixup').length - 1000)).toBeLessThan(90);
    // Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2a + 1)).
    expect(Math.abs(mean(own('mixup')) - 0.5)).toBeLessThan(0.03);
    expect(Math.abs(deviation(own('mixup')) - Math.sqrt(1 / 10.4))).toBeLessThan(0.02);
    // A box that ends at the border is smaller: more than half is the row's own.
    expect(mean(own('cutmix'))).toBeGreaterThan(0.55);
    expect(mean(own('cutmix'))).toBeLessThan(0.75);
  });

  it('has one kind alone where the other is off, and none where both are or the dice say so', () => {
    expect(new Set(draws({ ...deit, cutmix: 0 }, 50).map((mix) => mix?.kind))).toEqual(new Set(['mixup']));
    expect(new Set(draws({ ...deit, mixup: 0 }, 50).map((mix) => mix?.kind))).toEqual(new Set(['cutmix']));
    expect(draws({ ...deit, mixup: 0, cutmix: 0 }, 50).filter(Boolean)).toEqual([]);
    const some = draws({ ...deit, probability: 0.3 }).filter(Boolean).length;
    expect(Math.abs(some - 600)).toBeLessThan(80);
  });

  it('is a function of seed, epoch and step', () => {
    expect(drawMix(deit, 20, 3, 1, 7)).toEqual(drawMix(deit, 20, 3, 1, 7));
    const others = [drawMix(deit, 20, 4, 1, 7), drawMix(deit, 20, 3, 2, 7), drawMix(deit, 20, 3, 1, 8)];
    for (const other of others) expect(other).not.toEqual(drawMix(deit, 20, 3, 1, 7));
  });
});

describe('mixRows', () => {
  const [batch, size] = [5, 6];
  const random = stream('rows');
  const rows = Float32Array.from({ length: batch * 3 * size * size }, () => random.normal());
  const at = (data: Float32Array, b: number, c: number, y: number, x: number) =>
    data[((b * 3 + c) * size + y) * size + x]!;

  it('blends each row with its partner; the middle one of an odd batch stays', () => {
    const out = new Float32Array(rows.length);
    mixRows(rows, out, batch, size, { kind: 'mixup', own: 0.7 });
    for (let b = 0; b < batch; b++)
      expect(at(out, b, 1, 2, 3)).toBeCloseTo(0.7 * at(rows, b, 1, 2, 3) + 0.3 * at(rows, 4 - b, 1, 2, 3), 6);
    expect(at(out, 2, 0, 0, 0)).toBeCloseTo(at(rows, 2, 0, 0, 0), 6);
  });

  it('pastes the box of the partner, and the share is what is left', () => {
    for (const mix of draws({ ...deit, mixup: 0 }, 40, size) as Extract<Mix, { kind: 'cutmix' }>[]) {
      const out = new Float32Array(rows.length);
      mixRows(rows, out, batch, size, mix);
      let kept = 0;
      for (let y = 0; y < size; y++)
        for (let x = 0; x < size; x++) {
          const { top, bottom, left, right } = mix.box;
          const inside = y >= top && y < bottom && x >= left && x < right;
          if (!inside) kept++;
          for (const b of [0, 3])
            for (const c of [0, 2]) expect(at(out, b, c, y, x)).toBe(at(rows, inside ? 4 - b : b, c, y, x));
        }
      expect(mix.own).toBeCloseTo(kept / size ** 2, 12);
    }
  });
});
