import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { drawMix, mixRows } from '../augment/mix.ts';
import { photoTransform, type TransformConfig } from '../augment/pipeline.ts';
import { parseRandAugment } from '../augment/randAugmentConfig.ts';
import type { ImageList } from '../dataset.ts';
import { createLoader } from './loaderNode.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { repeatedPlace, type Position } from './sampler.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-augment-'));
const plain = photoTransform(16);
const full: TransformConfig = {
  ...plain,
  train: {
    ...plain.train,
    interpolation: 'random',
    randAugment: parseRandAugment('rand-m9-mstd0.5-inc1'),
    erase: 0.5,
  },
};
const mix = { mixup: 0.8, cutmix: 1, switch: 0.5, probability: 1 };
const open: Loader[] = [];
let list: ImageList;

beforeAll(async () => {
  const paths = Array.from({ length: 11 }, (_, i) => `${i}.png`);
  for (const path of paths) {
    const random = stream('noise', path);
    const data = Uint8Array.from({ length: 20 * 24 * 3 }, () => random.below(256));
    await sharp(data, { raw: { width: 20, height: 24, channels: 3 } })
      .png()
      .toFile(join(dir, path));
  }
  list = { root: dir, paths, labels: Int32Array.from(paths, (_, i) => i % 4) };
});
afterEach(async () => {
  for (const loader of open.splice(0)) await loader.close();
});
afterAll(() => rmSync(dir, { recursive: true }));

function load(options: Partial<LoaderOptions> = {}): Loader {
  const loader = createLoader({ list, transform: full, batch: 4, train: true, seed: 7, workers: 1, ...options });
  open.push(loader);
  return loader;
}

async function collect(loader: Loader, count: number, from?: Position): Promise<Omit<LoadedBatch, 'release'>[]> {
  const all: Omit<LoadedBatch, 'release'>[] = [];
  for await (const { release, ...batch } of loader.batches(from)) {
    all.push({ ...batch, images: batch.images.slice(), waitSeconds: 0 });
    release();
    if (all.length === count) break;
  }
  return all;
}

const few = (count: number): ImageList => ({
  root: dir,
  paths: list.paths.slice(0, count),
  labels: list.labels.slice(0, count),
});

describe('repeated augmentation', () => {
  it('repeatedPlace goes through every image before one comes again', () => {
    const seen = Array.from({ length: 21 }, (_, row) => repeatedPlace(row, 5, 3));
    expect(seen.slice(0, 7).map(({ place }) => place)).toEqual([0, 0, 0, 1, 1, 1, 2]);
    expect(seen[15]).toEqual({ round: 1, place: 0 });
    expect(seen.slice(0, 15).every(({ round }) => round === 0)).toBe(true);
  });

  // DeiT's sampler gives nothing for fewer than 256 images.
  it.each([1, 5])('shows each of %i images equally often, three times in a row, each time another way', async (n) => {
    const loader = load({ list: few(n), repeats: 3, batch: 4 });
    const rows = 12 * n;
    const batches = await collect(loader, (3 * rows) / 12);
    const shown = batches.flatMap(({ indices }) => [...indices]);
    expect(shown).toHaveLength(3 * n * 4);
    for (let i = 0; i < shown.length; i += 3) expect(new Set(shown.slice(i, i + 3)).size).toBe(1);
    const counts = few(n).paths.map((_, index) => shown.filter((i) => i === index).length);
    expect(new Set(counts)).toEqual(new Set([12]));
    const images = batches.flatMap(({ images }) =>
      [0, 1, 2, 3].map((row) => images.slice(row * 768, row * 768 + 768).join()),
    );
    // Three copies of an image that were the same would be three times fewer.
    expect(new Set(images).size).toBe(images.length);
  });
});

describe('mixing', () => {
  it('is the mix of the batch without it, labels as ever', async () => {
    const [bare, mixed] = [await collect(load(), 6), await collect(load({ mix }), 6)];
    const kinds = new Set<string>();
    mixed.forEach((batch, i) => {
      const drawn = drawMix(mix, 16, 7, batch.epoch, batch.step)!;
      kinds.add(drawn.kind);
      const want = new Float32Array(bare[i]!.images.length);
      mixRows(bare[i]!.images, want, 4, 16, drawn);
      expect(batch.images).toEqual(want);
      expect(batch.own).toBe(drawn.own);
      expect([...batch.labels]).toEqual([...bare[i]!.labels]);
      expect(bare[i]!.own).toBe(1);
    });
    expect(kinds).toEqual(new Set(['mixup', 'cutmix']));
  });
});

it('with everything on, is the same for any number of workers and from any position on', async () => {
  const options = { mix, repeats: 3 };
  const all = await collect(load(options), 8);
  expect(await collect(load({ ...options, workers: 3, prefetch: 1, cacheMB: 0 }), 8)).toEqual(all);
  expect(await collect(load({ ...options, workers: 2 }), 4, { epoch: 2, step: 0 })).toEqual(all.slice(4));
  expect(await collect(load({ ...options, seed: 8 }), 8)).not.toEqual(all);
});

it('augments training alone', async () => {
  const batches = await collect(load({ train: false }), 3);
  const wanted = await collect(load({ train: false, transform: plain }), 3);
  expect(batches).toEqual(wanted);
  const erased = await collect(load({ transform: { ...plain, train: { ...plain.train, erase: 1 } } }), 1);
  const [whole] = await collect(load({ transform: plain }), 1);
  const changed = erased[0]!.images.filter((x, i) => x !== whole!.images[i]).length / whole!.images.length;
  expect(changed).toBeGreaterThan(0.02);
  expect(changed).toBeLessThan(0.4);
});
