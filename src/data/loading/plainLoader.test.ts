import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { stream } from '../../random/stream.ts';
import { photoTransform, type TransformConfig } from '../augment/pipeline.ts';
import { parseRandAugment } from '../augment/randAugmentConfig.ts';
import type { ImageList } from '../dataset.ts';
import { decodeImage } from '../images/decodeNode.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { createLoader } from './loaderNode.ts';
import { plainLoader } from './plainLoader.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-plain-'));
const base = photoTransform(16);
const transform: TransformConfig = {
  ...base,
  train: { ...base.train, randAugment: parseRandAugment('rand-m9-mstd0.5-inc1'), erase: 0.5 },
};
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
afterAll(() => rmSync(dir, { recursive: true }));

/** Batches with a digest in place of pixels. */
async function first(loader: Loader, count: number, from = { epoch: 0, step: 0 }) {
  const found: (Omit<LoadedBatch, 'release' | 'waitSeconds' | 'images' | 'teacherImages'> & { pixels: string })[] = [];
  for await (const { release, waitSeconds, images, teacherImages, ...batch } of loader.batches(from)) {
    const hash = createHash('sha256').update(images);
    if (teacherImages) hash.update(teacherImages);
    found.push({ ...batch, pixels: hash.digest('hex') });
    release();
    if (found.length === count) break;
  }
  return found;
}

it.each<[string, Partial<LoaderOptions>]>([
  ['training with augmentation and mixing', { mix: { mixup: 0.8, cutmix: 1, switch: 0.5, probability: 1 } }],
  [
    'repeated augmentation, views, a teacher of another size',
    { repeats: 3, views: { count: 2, seed: 5 }, teacherView: { imageSize: 24, mean: base.mean, std: base.std } },
  ],
  ['padding instead of crops', { transform: { ...base, train: { ...base.train, crop: 'pad', padding: 2 } } }],
  ['evaluation', { train: false }],
])('has the rows of the loader with workers, byte for byte: %s', async (_, more) => {
  const options: LoaderOptions = { list, transform, batch: 4, train: true, seed: 7, workers: 1, ...more };
  const [threads, plain] = [createLoader(options), plainLoader(options, (path) => decodeImage(join(dir, path)))];
  try {
    const from = options.train ? { epoch: 1, step: 1 } : { epoch: 0, step: 0 };
    const count = options.train ? 4 : 3;
    const wanted = await first(threads, count, from);
    expect(wanted).toHaveLength(count);
    expect(await first(plain, count, from)).toEqual(wanted);
    // Once more, from memory.
    expect(await first(plain, count, from)).toEqual(wanted);
  } finally {
    await threads.close();
    await plain.close();
  }
});

it('names what cannot be read, shows another in its place, and stops where it is too much', async () => {
  const told: string[] = [];
  const read = async (path: string) => {
    if (path === '3.png') throw new UserError('it is gone');
    return decodeImage(join(dir, path));
  };
  const options = { list, transform, batch: 11, train: true, seed: 7, onBad: (reason: string) => told.push(reason) };
  const [batch] = await first(plainLoader({ ...options, maxBadFraction: 0.1 }, read), 1);
  expect(told).toEqual(['3.png: it is gone']);
  expect(new Set(batch!.indices)).not.toContain(3);
  await expect(first(plainLoader(options, read), 1)).rejects.toThrow('wanted at most 1 % unreadable images of 11');
});
