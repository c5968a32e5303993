import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawMix } from '../augment/mix.ts';
import {
  imagenetMean,
  imagenetStd,
  photoTransform,
  smallTransform,
  type TransformConfig,
} from '../augment/pipeline.ts';
import { parseRandAugment } from '../augment/randAugmentConfig.ts';
import type { ImageList } from '../dataset.ts';
import { createLoader } from './loaderNode.ts';
import type { LoadedBatch, LoaderOptions } from './loader.ts';
import { viewAt } from './sampler.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-views-'));
let list: ImageList;
beforeAll(async () => {
  const paths = ['a.png', 'b.png', 'c.png', 'd.png'];
  for (const [i, path] of paths.entries()) {
    const [width, height] = [64 + 8 * i, 64];
    // Red grows with x, green with y, blue tells the image: crop and mirroring show in the values, at any size.
    const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
      return [(255 * x) / width, (255 * y) / height, 60 * i][at % 3]!;
    });
    await sharp(data, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(dir, path));
  }
  list = { root: dir, paths, labels: Int32Array.of(0, 1, 0, 1) };
});
afterAll(() => rmSync(dir, { recursive: true }));

async function batches(
  count: number,
  transform: TransformConfig,
  more: Partial<LoaderOptions> = {},
): Promise<LoadedBatch[]> {
  const loader = createLoader({ list, transform, batch: 4, train: true, seed: 7, workers: 1, ...more });
  const all: LoadedBatch[] = [];
  for await (const { images, teacherImages, ...batch } of loader.batches()) {
    all.push({ ...batch, images: images.slice(), ...(teacherImages && { teacherImages: teacherImages.slice() }) });
    batch.release();
    if (all.length === count) break;
  }
  await loader.close();
  return all;
}

/** Mean of a channel over a part of a square image, in 0..1. */
function mean(
  images: Float32Array,
  size: number,
  row: number,
  channel: number,
  part: 'left' | 'top' | 'all',
  norm: { mean: readonly number[]; std: readonly number[] },
): number {
  let [sum, n] = [0, 0];
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      if ((part === 'left' && x >= size / 2) || (part === 'top' && y >= size / 2)) continue;
      sum += images[((row * 3 + channel) * size + y) * size + x]!;
      n++;
    }
  return (sum / n) * norm.std[channel]! + norm.mean[channel]!;
}

const own = { imageSize: 48, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] } as const;
const changed = (train: Partial<TransformConfig['train']>): TransformConfig => ({
  ...photoTransform(16),
  train: { ...photoTransform(16).train, ...train },
});
const pad = { ...smallTransform(16), train: { ...smallTransform(16).train, padding: 2 } };

describe.each([
  ['randomResized', photoTransform(16), 0.02],
  ['randomResized in drawn interpolation and colours', changed({ interpolation: 'random', colourJitter: 0.4 }), 0.02],
  ['pad', pad, 0.02],
])('the own view of a teacher, crop %s', (_, transform, tolerance) => {
  it('is the same crop and mirroring in its own size and normalisation', async () => {
    for (const { images, teacherImages } of await batches(6, transform, { teacherView: own }))
      for (let row = 0; row < 4; row++)
        for (const [channel, part] of [
          [0, 'left'],
          [0, 'all'],
          [1, 'top'],
          [1, 'all'],
          [2, 'all'],
        ] as const) {
          const student = mean(images, 16, row, channel, part, { mean: imagenetMean, std: imagenetStd });
          expect(Math.abs(mean(teacherImages!, 48, row, channel, part, own) - student)).toBeLessThan(tolerance);
        }
  });

  it('changes nothing of what the student sees', async () => {
    const [with_, without] = [await batches(3, transform, { teacherView: own }), await batches(3, transform)];
    expect(with_.map(({ images }) => images)).toEqual(without.map(({ images }) => images));
    expect(without[0]!.teacherImages).toBeUndefined();
  });

  it("is resized with the teacher's own filter", async () => {
    const images = (filter: 'nearest' | undefined) => batches(2, transform, { teacherView: { ...own, filter } });
    const [plain, nearest] = [await images(undefined), await images('nearest')];
    expect(nearest.map(({ images }) => images)).toEqual(plain.map(({ images }) => images));
    expect(nearest.map(({ teacherImages }) => teacherImages)).not.toEqual(
      plain.map(({ teacherImages }) => teacherImages),
    );
  });

  it('is the same with and without the cache', async () => {
    const [kept, fresh] = [
      await batches(3, transform, { teacherView: own }),
      await batches(3, transform, { teacherView: own, cacheMB: 0 }),
    ];
    expect(kept.map(({ teacherImages }) => teacherImages)).toEqual(fresh.map(({ teacherImages }) => teacherImages));
  });
});

describe('the original, for a teacher', () => {
  const original = { evalCropRatio: 0.75 } as const;

  it.each([
    ['of another size', { ...own, original }, photoTransform(16)],
    ['of the same size', { ...own, imageSize: 16, original }, pad],
    ['beside erasing', { ...own, original }, changed({ erase: 1 })],
  ])('is the image as in evaluation, the same whenever it comes, %s', async (_, teacherView, transform) => {
    const views = { count: 3, seed: 1 };
    const shown = await batches(4, transform, { teacherView, views });
    const how = { ...transform, ...own, imageSize: teacherView.imageSize, ...original };
    const loader = createLoader({ list, transform: how, batch: 4, train: false, seed: 0, workers: 1 });
    const size = 3 * teacherView.imageSize ** 2;
    const rows = (images: Float32Array, at: number) => images.slice(at * size, (at + 1) * size);
    for await (const { images } of loader.batches())
      for (const { teacherImages, indices } of shown)
        for (const [row, index] of indices.entries()) expect(rows(teacherImages!, row)).toEqual(rows(images, index));
    await loader.close();
    // Its answer is kept once, whichever view the student has.
    expect(shown.map(({ views }) => [...views])).toEqual(Array.from({ length: 4 }, () => [0, 0, 0, 0]));
    const without = await batches(4, transform, { views });
    expect(shown.map(({ images }) => images)).toEqual(without.map(({ images }) => images));
  });

  it('is kept in the cache by itself', async () => {
    const more = { teacherView: { ...own, original } };
    const [kept, fresh] = [await batches(3, pad, more), await batches(3, pad, { ...more, cacheMB: 0 })];
    expect(kept.map(({ teacherImages }) => teacherImages)).toEqual(fresh.map(({ teacherImages }) => teacherImages));
  });

  it('is another picture on the disk than that which augmentation begins with', async () => {
    const kept = mkdtempSync(join(tmpdir(), 'understudy-originals-'));
    // A file that is young may change without a trace, and is not kept.
    for (const path of list.paths) utimesSync(join(dir, path), 1e9, 1e9);
    const disk = { cacheMB: 0, disk: { dir: kept, maxBytes: 1e9 } };
    await batches(3, pad, { ...disk, teacherView: own });
    const shown = await batches(3, pad, { ...disk, teacherView: { ...own, original } });
    const fresh = await batches(3, pad, { cacheMB: 0, teacherView: { ...own, original } });
    expect(readdirSync(kept).length).toBeGreaterThan(0);
    expect(shown.map(({ teacherImages }) => teacherImages)).toEqual(fresh.map(({ teacherImages }) => teacherImages));
    rmSync(kept, { recursive: true });
  });
});

describe('the own view of a teacher, three times the size', () => {
  const at = (images: Float32Array, size: number, row: number, y: number, x: number) =>
    [0, 1, 2].map((c) => images[((row * 3 + c) * size + y) * size + x]!);
  const pixels = Array.from({ length: 4 * 48 * 48 }, (_, i) => [
    Math.floor(i / 2304),
    Math.floor((i % 2304) / 48),
    i % 48,
  ]) as [number, number, number][];

  it.each([
    ['mixup', { mixup: 1, cutmix: 0, switch: 0.5, probability: 1 }],
    ['cutmix', { mixup: 0, cutmix: 1, switch: 0.5, probability: 1 }],
  ])('is mixed as the pixels of the student are: %s', async (_, mix) => {
    const bare = await batches(3, photoTransform(16), { teacherView: own });
    const mixed = await batches(3, photoTransform(16), { teacherView: own, mix });
    mixed.forEach((batch, i) => {
      const drawn = drawMix(mix, 16, 7, batch.epoch, batch.step)!;
      expect(batch.own).toBe(drawn.own);
      const share = (y: number, x: number) => {
        if (drawn.kind === 'mixup') return drawn.own;
        const { top, bottom, left, right } = drawn.box;
        return y >= 3 * top && y < 3 * bottom && x >= 3 * left && x < 3 * right ? 0 : 1;
      };
      const error = pixels.map(([row, y, x]) => {
        const [mine, other] = [row, 3 - row].map((r) => at(bare[i]!.teacherImages!, 48, r, y, x));
        return at(batch.teacherImages!, 48, row, y, x).map((value, c) =>
          Math.abs(share(y, x) * mine![c]! + (1 - share(y, x)) * other![c]! - value),
        );
      });
      expect(Math.max(...error.map((three) => Math.max(...three)))).toBeLessThan(1e-5);
    });
  });

  it('is erased at the same place', async () => {
    const [bare] = await batches(1, photoTransform(16), { teacherView: own });
    const [erased] = await batches(1, changed({ erase: 1 }), { teacherView: own });
    const differs = (kind: 'images' | 'teacherImages', size: number, row: number, y: number, x: number) =>
      at(bare![kind]!, size, row, y, x).some((value, c) => value !== at(erased![kind]!, size, row, y, x)[c]);
    const wrong = pixels.filter(
      ([row, y, x]) =>
        differs('teacherImages', 48, row, y, x) !== differs('images', 16, row, Math.floor(y / 3), Math.floor(x / 3)),
    );
    expect(wrong).toEqual([]);
    expect(pixels.filter(([row, y, x]) => differs('teacherImages', 48, row, y, x)).length).toBeGreaterThan(180);
  });
});

describe('fixed views', () => {
  const views = { count: 3, seed: 5 };
  const rows = async (more: Partial<LoaderOptions> = {}) => {
    const seen = new Map<string, Float32Array[]>();
    for (const { images, indices, views } of await batches(9, photoTransform(16), {
      views: { count: 3, seed: 5 },
      ...more,
    }))
      indices.forEach((index, row) => {
        const key = `${list.paths[index]} ${views[row]}`;
        seen.set(key, [...(seen.get(key) ?? []), images.slice(row * 768, (row + 1) * 768)]);
      });
    return seen;
  };

  it('are each shown once in as many epochs, in a new order then', () => {
    const epochs = Array.from({ length: 12 }, (_, epoch) => viewAt(views, 'a.png', epoch));
    const turns = [0, 3, 6, 9].map((at) => epochs.slice(at, at + 3));
    for (const turn of turns) expect([...turn].sort()).toEqual([0, 1, 2]);
    expect(new Set(turns.map(String)).size).toBeGreaterThan(1);
  });

  it('are the same pixels each time, others for each view, whatever the seed of the run', async () => {
    const [seen, other] = [await rows(), await rows({ seed: 8 })];
    expect(seen.size).toBe(12);
    for (const [key, images] of seen) {
      expect(images).toHaveLength(3);
      for (const again of images) expect(again).toEqual(images[0]);
      expect(other.get(key)![0]).toEqual(images[0]);
    }
    expect(seen.get('a.png 0')![0]).not.toEqual(seen.get('a.png 1')![0]);
    expect((await rows({ views: { count: 3, seed: 6 } })).get('a.png 0')![0]).not.toEqual(seen.get('a.png 0')![0]);
  });

  it.each([
    ['RandAugment', changed({ interpolation: 'random', randAugment: parseRandAugment('rand-m9-mstd0.5-inc1') })],
    ['3-Augment and jitter', changed({ threeAugment: true, colourJitter: 0.3 })],
  ])('fix all that is drawn: %s', async (_, transform) => {
    const seen = new Map<string, Float32Array>();
    for (const { images, indices, views } of await batches(6, transform, { views: { count: 3, seed: 5 } }))
      indices.forEach((index, row) => {
        const shown = images.slice(row * 768, (row + 1) * 768);
        expect(shown).toEqual(seen.get(`${index} ${views[row]}`) ?? shown);
        seen.set(`${index} ${views[row]}`, shown);
      });
    expect(seen.size).toBe(12);
  });

  it('are taken in turn by the copies of repeated augmentation', async () => {
    const seen = await rows({ repeats: 3 });
    for (const images of seen.values()) expect(images).toHaveLength(3);
    expect(seen.size).toBe(12);
    expect(seen.get('a.png 0')![0]).toEqual((await rows()).get('a.png 0')![0]);
    const shown = await batches(9, photoTransform(16), { views, repeats: 3 });
    const turns = shown.flatMap((batch) => [...batch.views]);
    for (let i = 0; i < turns.length; i += 3) expect(turns.slice(i, i + 3).sort()).toEqual([0, 1, 2]);
  });

  it('belong to the image, not to its place in the list', async () => {
    const whole = await rows();
    const part = { root: dir, paths: ['b.png', 'd.png'], labels: Int32Array.of(1, 1) };
    for (const { images, indices, views } of await batches(2, photoTransform(16), {
      list: part,
      batch: 2,
      views: { count: 3, seed: 5 },
    }))
      indices.forEach((index, row) => {
        expect(images.slice(row * 768, (row + 1) * 768)).toEqual(whole.get(`${part.paths[index]} ${views[row]}`)![0]);
      });
  });
});
