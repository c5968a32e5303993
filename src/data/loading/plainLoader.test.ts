import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { stream } from '../../random/stream.ts';
import { photoTransform, type TransformConfig } from '../augment/pipeline.ts';
import { parseRandAugment } from '../augment/randAugmentConfig.ts';
import type { ImageList } from '../dataset.ts';
import { decodeBytes, decodeImage } from '../images/decodeNode.ts';
import type { ImageSource } from '../imageSource.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { createLoader } from './loaderNode.ts';
import { plainLoader } from './plainLoader.ts';
import { rowLoader } from './rowLoader.ts';
import type { Port } from './rowMessages.ts';
import { serveRows } from './rowServer.ts';
import { rowWorkers } from './rowWorkers.ts';

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

const ports: { close(): void }[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** Two who make rows as web workers do, over real channels; what they were sent of each image. */
function rowServers(sent: string[] = []) {
  const ends = Array.from({ length: 2 }, () => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port1, port2);
    serveRows(
      port2 as unknown as Port,
      (bytes, where) => decodeBytes(Buffer.from(bytes), where),
      async (address) => Uint8Array.from(readFileSync(new URL(address))),
    );
    const post = port1.postMessage.bind(port1);
    port1.postMessage = (order: unknown) => {
      for (const row of (order as { rows?: { path: string; source?: unknown }[] }).rows ?? [])
        if (row.source !== undefined) sent.push(row.path);
      post(order);
    };
    return port1 as unknown as Port;
  });
  return rowWorkers(ends);
}

/** The list's files as a source: their bytes, or where they are. */
const sourceOf = (more: Partial<ImageSource> = {}): ImageSource => ({
  ...{ name: 'noise', classes: [], train: [] },
  read: async (path) => Uint8Array.from(readFileSync(join(dir, path))),
  ...more,
});

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
  [
    'a teacher that sees the originals',
    {
      views: { count: 2, seed: 5 },
      teacherView: { imageSize: 24, mean: base.mean, std: base.std, original: { evalCropRatio: 0.75 } },
    },
  ],
  ['padding instead of crops', { transform: { ...base, train: { ...base.train, crop: 'pad', padding: 2 } } }],
  ['evaluation', { train: false }],
])('has the rows of the loader with workers, byte for byte: %s', async (_, more) => {
  const options: LoaderOptions = { list, transform, batch: 4, train: true, seed: 7, workers: 1, ...more };
  const [threads, plain] = [createLoader(options), plainLoader(options, (path) => decodeImage(join(dir, path)))];
  const sent: string[] = [];
  const apart = rowLoader(options, sourceOf(), rowServers(sent));
  try {
    const from = options.train ? { epoch: 1, step: 1 } : { epoch: 0, step: 0 };
    const count = options.train ? 4 : 3;
    const wanted = await first(threads, count, from);
    expect(wanted).toHaveLength(count);
    expect(await first(plain, count, from)).toEqual(wanted);
    // Once more, from memory.
    expect(await first(plain, count, from)).toEqual(wanted);
    expect(await first(apart, count, from)).toEqual(wanted);
    expect(await first(apart, count, from)).toEqual(wanted);
    expect(sent.length).toBeGreaterThanOrEqual(list.paths.length);
  } finally {
    await threads.close();
    await plain.close();
    await apart.close();
  }
});

it('has them made apart whatever an image is made of, and sends what is kept once', async () => {
  const options: LoaderOptions = { list, transform, batch: 4, train: true, seed: 7 };
  const wanted = await first(
    plainLoader(options, (path) => decodeImage(join(dir, path))),
    12,
  );
  const blob = (path: string) => new Blob([readFileSync(join(dir, path))]);
  for (const more of [
    { where: blob },
    { where: (path: string) => new URL(`file://${join(dir, path)}`).href },
    { read: (path: string) => decodeImage(join(dir, path)) },
  ]) {
    const sent: string[] = [];
    const loader = rowLoader(options, sourceOf(more), rowServers(sent));
    expect(await first(loader, 12)).toEqual(wanted);
    // Batches that are under way together may ask for an image before it is known to be kept.
    expect(sent.length).toBeLessThan(2 * list.paths.length);
    expect(new Set(sent).size).toBe(list.paths.length);
    await loader.close();
  }
  // Without room for any, each is sent whenever it is shown.
  const sent: string[] = [];
  const loader = rowLoader({ ...options, cacheMB: 0 }, sourceOf({ where: blob }), rowServers(sent));
  expect(await first(loader, 12)).toEqual(wanted);
  expect(sent.length).toBeGreaterThanOrEqual(48);
});

it("has the teacher's view left out and taken up again, apart", async () => {
  const teacherView = { imageSize: 24, mean: base.mean, std: base.std };
  const options: LoaderOptions = { list, transform: base, batch: 4, train: true, seed: 7, teacherView };
  const loaders = [
    plainLoader(options, (path) => decodeImage(join(dir, path))),
    rowLoader(options, sourceOf(), rowServers()),
  ];
  const [plain, apart] = await Promise.all(
    loaders.map(async (loader) => {
      const found = [await first(loader, 2)];
      loader.showTeacher(false);
      const without: string[] = [];
      for await (const { images } of loader.batches({ epoch: 1, step: 0 })) {
        without.push(createHash('sha256').update(images).digest('hex'));
        if (without.length === 2) break;
      }
      loader.showTeacher(true);
      found.push(await first(loader, 3, { epoch: 2, step: 0 }));
      return { found, without };
    }),
  );
  expect(apart).toEqual(plain);
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
  // Told by who reads, or by who decodes.
  const bytes = async (path: string) => {
    if (path === '3.png') throw new Error('it is gone');
    return Uint8Array.from(readFileSync(join(dir, path)));
  };
  for (const [source, reason] of [
    [sourceOf({ read: bytes }), 'noise: 3.png: it is gone'],
    [sourceOf({ where: (path) => new Blob([path === '3.png' ? 'no image' : readFileSync(join(dir, path))]) }), '3.png'],
  ] as const) {
    told.length = 0;
    const [apart] = await first(rowLoader({ ...options, maxBadFraction: 0.1 }, source, rowServers()), 1);
    expect(told).toEqual([expect.stringContaining(reason)]);
    expect(apart).toEqual(batch);
    await expect(first(rowLoader(options, source, rowServers()), 1)).rejects.toThrow('wanted at most 1 % unreadable');
  }
  const evaluated = { ...options, train: false, maxBadFraction: 0.1 };
  const [valid] = await first(rowLoader(evaluated, sourceOf({ read: bytes }), rowServers()), 1);
  expect(valid).toEqual((await first(plainLoader(evaluated, read), 1))[0]);
  expect(valid!.count).toBe(10);
});
