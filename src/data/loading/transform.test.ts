import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { flipHorizontal } from '../augment/flip.ts';
import { normalisePlainly, normaliseTable } from '../augment/normalise.ts';
import { padCrop } from '../augment/padCrop.ts';
import { photoTransform, smallTransform, type TrainTransform } from '../augment/pipeline.ts';
import type { Pixels } from '../augment/pixels.ts';
import { resample } from '../augment/resample.ts';
import { prepare, vary, varyTo } from './transform.ts';

/** Red grows with x, green with y: a crop or resize shows in the values. */
function gradient(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.set([(255 * (x + 0.5)) / width, (255 * (y + 0.5)) / height, 128], (y * width + x) * 3);
  return { data, width, height };
}

const noisy = (size: number): Pixels => {
  const random = stream('noise', size);
  return { data: Uint8Array.from({ length: size * size * 3 }, () => random.below(256)), width: size, height: size };
};
const small = smallTransform(12);
const withTrain = (train: Partial<TrainTransform>) => ({ ...small, train: { ...small.train, ...train } });

describe('images of the right size', () => {
  it('are not resampled by prepare, in training or evaluation', async () => {
    const image = noisy(12);
    for (const train of [true, false]) {
      expect(await prepare(image, small, train)).toEqual(image);
      expect(await prepare(image, withTrain({ crop: 'none' }), train)).toEqual(image);
    }
    expect(await prepare(image, { ...small, evalCropRatio: 0.75 }, true)).toEqual(image);
  });

  it('are zoomed into by an evalCropRatio below 1, as the exported preprocessing says, whatever the training crop', async () => {
    const image = noisy(12);
    const zoomed = resample(image, 16, 16, { left: 2, top: 2, width: 12, height: 12 });
    for (const crop of ['pad', 'none', 'randomResized'] as const) {
      const config = { ...withTrain({ crop }), evalCropRatio: 0.75 };
      expect(await prepare(image, config, false)).toEqual(zoomed);
    }
  });

  it('are only shifted and mirrored by pad', async () => {
    const image = noisy(12);
    const shifted = new Map<string, string>();
    for (let top = 0; top <= 8; top++) {
      for (let left = 0; left <= 8; left++) {
        const crop = padCrop(image, 4, left, top);
        shifted.set(crop.data.join(), `${left},${top},plain`);
        shifted.set(flipHorizontal(crop).data.join(), `${left},${top},flipped`);
      }
    }
    const kinds = Array.from({ length: 200 }, (_, i) => shifted.get(vary(image, small, stream(i)).data.join()));
    expect(kinds).not.toContain(undefined);
    expect(new Set(kinds).size).toBeGreaterThan(60);
    const flipped = kinds.filter((kind) => kind?.endsWith('flipped')).length;
    expect(Math.abs(flipped - 100)).toBeLessThan(30);
  });

  it('stay as they are with crop none and no flip, and always mirror with flip 1', async () => {
    const image = noisy(12);
    expect(vary(image, withTrain({ crop: 'none', flip: 0 }), stream(1))).toEqual(image);
    expect(vary(image, withTrain({ crop: 'none', flip: 1 }), stream(1))).toEqual(flipHorizontal(image));
  });
});

it.each([
  ['crops that are mirrored', { flip: 1 }],
  ['crops of either interpolation', { interpolation: 'random' as const }],
  ['crops that are recoloured', { colourJitter: 0.4 }],
  ['images of the right size', { crop: 'pad' as const }],
])('%s: varyTo writes what vary gives, normalised', (_, train) => {
  const config = { ...photoTransform(12), train: { ...photoTransform(12).train, padding: 2, ...train } };
  const image = 'crop' in train ? noisy(12) : noisy(37);
  const table = normaliseTable(config.mean, config.std);
  for (let seed = 0; seed < 10; seed++) {
    const [got, want] = [new Float32Array(500), new Float32Array(500)];
    varyTo({ table, out: got, offset: 7 }, image, config, stream(seed));
    normalisePlainly(vary(image, config, stream(seed)), table, want, 7);
    expect(got).toEqual(want);
    expect(new Set(want).size).toBeGreaterThan(30);
  }
});

it('a crop is mirrored after it was cut and resized', () => {
  const at = (flip: number) => ({ ...photoTransform(16), train: { ...photoTransform(16).train, flip } });
  for (let seed = 0; seed < 10; seed++) {
    const plain = vary(noisy(40), at(0), stream(seed));
    expect(vary(noisy(40), at(1), stream(seed))).toEqual(flipHorizontal(plain));
  }
});

describe('other images', () => {
  it('are cut from the centre in evaluation', async () => {
    const out = await prepare(gradient(80, 40), photoTransform(28), false);
    expect([out.width, out.height]).toEqual([28, 28]);
    // Shorter side 40 -> 32, longer 80 -> 64; columns 18..45 of 64 and rows 2..29 of 32 remain.
    for (const [x, y] of [
      [0, 0],
      [27, 0],
      [13, 27],
    ] as const) {
      const [red, green, blue] = out.data.subarray((y * 28 + x) * 3, (y * 28 + x) * 3 + 3);
      expect(Math.abs(red! - (255 * (18 + x + 0.5)) / 64)).toBeLessThan(3);
      expect(Math.abs(green! - (255 * (2 + y + 0.5)) / 32)).toBeLessThan(3);
      expect(blue).toBe(128);
    }
  });

  it('keep their pixels until a random resized crop, which depends on its stream alone', async () => {
    const image = gradient(50, 40);
    const config = photoTransform(16);
    expect(await prepare(image, config, true)).toBe(image);
    const one = vary(image, config, stream(1));
    expect(vary(image, config, stream(1))).toEqual(one);
    expect(vary(image, config, stream(2))).not.toEqual(one);
    expect([one.width, one.height, one.data.length]).toEqual([16, 16, 768]);
  });

  it('are resized alike whether they shrink or grow: no shift of half a pixel', async () => {
    for (const side of [40, 20, 12, 8]) {
      const { data } = resample(gradient(20, 20), side, side);
      // Away from the edges a ramp stays the ramp.
      for (let x = Math.floor(side / 4); x < (3 * side) / 4; x++)
        expect(Math.abs(data[3 * x]! - (255 * (x + 0.5)) / side), `${side} px, column ${x}`).toBeLessThan(1.6);
    }
  });

  it('show the box that was drawn', async () => {
    const config = {
      ...photoTransform(16),
      train: { ...photoTransform(16).train, scale: [0.2, 0.3], flip: 0 },
    } as const;
    for (let seed = 0; seed < 20; seed++) {
      const { data } = vary(gradient(60, 60), config, stream(seed));
      const width = ((data[15 * 3]! - data[0]!) / 255) * (16 / 15);
      const height = ((data[15 * 48 + 1]! - data[1]!) / 255) * (16 / 15);
      expect(width * height).toBeGreaterThan(0.17);
      expect(width * height).toBeLessThan(0.34);
    }
  });

  it('come to imageSize for pad and none by the centre', async () => {
    const out = await prepare(gradient(48, 24), small, true);
    expect([out.width, out.height]).toEqual([12, 12]);
    expect(Math.abs(out.data[0]! - (255 * 6.5) / 24)).toBeLessThan(4);
  });
});
