import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { stream } from '../../random/stream.ts';
import { normalise, normaliseTable } from '../augment/normalise.ts';
import { photoTransform } from '../augment/pipeline.ts';
import type { ImageList } from '../dataset.ts';
import { decodeImage } from '../images/decodeNode.ts';
import { createLoader } from './loaderNode.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { epochOrder, type Position } from './sampler.ts';
import { prepare, vary } from './transform.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-loader-'));
const photos = photoTransform(16);
const open: Loader[] = [];
let list: ImageList;

beforeAll(async () => {
  const paths = Array.from({ length: 23 }, (_, i) => `${i}.png`);
  for (const [i, path] of paths.entries()) await writeNoise(path, 30 + i, 26);
  list = { root: dir, paths, labels: Int32Array.from(paths, (_, i) => i % 4) };
});
afterEach(async () => {
  for (const loader of open.splice(0)) await loader.close();
});
afterAll(() => rmSync(dir, { recursive: true }));

async function writeNoise(path: string, width: number, height: number): Promise<void> {
  const random = stream('noise', path);
  const data = Uint8Array.from({ length: width * height * 3 }, () => random.below(256));
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9 })
    .toFile(join(dir, path));
}

function load(options: Partial<LoaderOptions> = {}): Loader {
  const loader = createLoader({ list, transform: photos, batch: 5, train: true, seed: 7, workers: 1, ...options });
  open.push(loader);
  return loader;
}

/** Copies of the next batches, released at once. */
async function collect(loader: Loader, count: number, from?: Position): Promise<LoadedBatch[]> {
  const all: LoadedBatch[] = [];
  for await (const batch of loader.batches(from)) {
    all.push({ ...batch, images: batch.images.slice(), waitSeconds: 0, release: () => {} });
    batch.release();
    if (all.length === count) break;
  }
  return all;
}

const content = (batches: LoadedBatch[]) => batches.map(({ release, ...rest }) => rest);
const withFiles = (files: Record<string, string | Uint8Array>): ImageList => {
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(dir, path), bytes);
  const paths = [...list.paths, ...Object.keys(files)];
  return { root: dir, paths, labels: Int32Array.from(paths, (_, i) => i % 4) };
};
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  );

describe('content', () => {
  it('is the augmented, normalised image of each place in the epoch order', async () => {
    const batches = await collect(load(), 6);
    expect(batches.map(({ epoch, step }) => [epoch, step])).toEqual([
      ...[0, 1, 2, 3].map((step) => [0, step]),
      ...[0, 1].map((step) => [1, step]),
    ]);
    const table = normaliseTable(photos.mean, photos.std);
    for (const { epoch, step, indices, labels, images, count } of batches) {
      expect([...indices]).toEqual([...epochOrder(23, 7, epoch).slice(step * 5, step * 5 + 5)]);
      expect([...labels]).toEqual([...indices].map((i) => i % 4));
      expect(count).toBe(5);
      const want = new Float32Array(images.length);
      for (const [row, index] of indices.entries()) {
        const image = await prepare(await decodeImage(join(dir, list.paths[index]!)), photos, true);
        const random = stream(7, 'augment', epoch, index);
        normalise(vary(image, photos, random), table, want, row * 768);
      }
      expect(images).toEqual(want);
    }
  });

  it('is the same for any number of workers, slots and megabytes', async () => {
    const want = content(await collect(load(), 13));
    expect(content(await collect(load({ workers: 3 }), 13))).toEqual(want);
    expect(content(await collect(load({ workers: 2, prefetch: 1, cacheMB: 0 }), 13))).toEqual(want);
    expect(content(await collect(load({ seed: 8 }), 13))).not.toEqual(want);
  });

  it('goes on from any position like the run that was never stopped', async () => {
    const loader = load({ workers: 2 });
    const all = content(await collect(loader, 9));
    expect(content(await collect(loader, 4, { epoch: 1, step: 1 }))).toEqual(all.slice(5));
    expect(content(await collect(load(), 7, { epoch: 0, step: 2 }))).toEqual(all.slice(2));
    expect(content(await collect(loader, 9))).toEqual(all);
  });

  it('wraps around a list shorter than a batch, with new crops each round', async () => {
    const short = { ...list, paths: list.paths.slice(0, 3), labels: list.labels.slice(0, 3) };
    const loader = load({ list: short, batch: 7 });
    expect(loader.stepsPerEpoch).toBe(1);
    const [first, second] = await collect(loader, 2);
    const order = [...epochOrder(3, 7, 0)];
    expect([...first!.indices]).toEqual([...order, ...order, order[0]]);
    expect(first!.images.slice(0, 768)).not.toEqual(first!.images.slice(3 * 768, 4 * 768));
    expect(second!.epoch).toBe(1);
  });
});

describe('evaluation', () => {
  it('goes in order once, pads the last batch, and can be done again', async () => {
    const loader = load({ train: false, workers: 2 });
    const all = await collect(loader, Infinity);
    expect(all.map((b) => b.count)).toEqual([5, 5, 5, 5, 3]);
    expect(all.flatMap((b) => [...b.indices])).toEqual([...Array.from({ length: 23 }, (_, i) => i), -1, -1]);
    expect([...all[4]!.valid]).toEqual([1, 1, 1, 0, 0]);
    expect(all[4]!.images.slice(3 * 768).every((x) => x === 0)).toBe(true);
    expect([...all[4]!.labels.slice(3)]).toEqual([0, 0]);
    expect(content(await collect(loader, Infinity))).toEqual(content(all));
    expect(content(await collect(loader, Infinity, { epoch: 0, step: 3 }))).toEqual(content(all.slice(3)));
  });

  it('passes the label -1 on', async () => {
    const [batch] = await collect(load({ train: false, list: { ...list, labels: new Int32Array(23).fill(-1) } }), 1);
    expect([...batch!.labels]).toEqual([-1, -1, -1, -1, -1]);
  });

  it('marks unreadable images', async () => {
    const some = withFiles({ 'text.jpg': 'no image' });
    const loader = load({ train: false, list: some, maxBadFraction: 0.1 });
    const all = await collect(loader, Infinity);
    expect(all.map((b) => b.count)).toEqual([5, 5, 5, 5, 3]);
    expect([[...all[4]!.indices], [...all[4]!.valid]]).toEqual([
      [20, 21, 22, 23, -1],
      [1, 1, 1, 0, 0],
    ]);
    expect([...loader.bad.keys()]).toEqual(['text.jpg']);
  });
});

describe('unreadable images', () => {
  const truncated = async () => (await sharp(join(dir, '5.png')).png().toBuffer()).subarray(0, 900);

  it('are replaced by the next good one of the order, counted and named', async () => {
    const some = withFiles({ 'text.jpg': 'no image', 'cut.png': await truncated() });
    const loader = load({ list: some, workers: 2, maxBadFraction: 0.2 });
    const batches = await collect(loader, 15);
    for (const epoch of [0, 1, 2]) {
      const order = [...epochOrder(25, 7, epoch)];
      const want = order.map((_, i) => [0, 1, 2].map((skip) => order[(i + skip) % 25]!).find((x) => x < 23));
      const got = batches.filter((b) => b.epoch === epoch);
      expect(got.flatMap((b) => [...b.indices])).toEqual(want);
      expect(got.flatMap((b) => [...b.labels])).toEqual(want.map((i) => i! % 4));
    }
    expect(batches.every((b) => b.count === 5)).toBe(true);
    expect([...loader.bad.keys()].sort()).toEqual(['cut.png', 'text.jpg']);
    expect(loader.bad.get('text.jpg')).toContain('got a text file of 8 bytes');
    expect(loader.bad.get('cut.png')).toContain('damaged or truncated');
  });

  it('are known when the first batch that could hold them is', async () => {
    const loader = load({ list: withFiles({ 'text.jpg': '1' }), batch: 24, maxBadFraction: 0.1 });
    await collect(loader, 1);
    expect(loader.bad.size).toBe(1);
  });

  it('fail the run beyond maxBadFraction, up to five named', async () => {
    const files = Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((i) => [`bad${i}.jpg`, 'x']));
    const error = await failureOf(collect(load({ list: withFiles(files) }), 20));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/at most 1 % unreadable images of 30, got \d.*bad\d\.jpg: Cannot read/s);
    expect(error.message).toContain('data.maxBadFraction');
    expect(error.message.match(/bad\d\.jpg:/g)!.length).toBeLessThanOrEqual(5);
  });

  it('fail the run when there is nothing else, whatever is allowed', async () => {
    const all = withFiles({ 'text.jpg': 'x' });
    const only = { root: dir, paths: all.paths.slice(-1), labels: all.labels.slice(-1) };
    expect(await failureOf(collect(load({ list: only, maxBadFraction: 1 }), 1))).toBeInstanceOf(UserError);
  });
});

describe('memory', () => {
  it('of a batch is untouched until release and used again after it', async () => {
    const stream = load({ workers: 2 }).batches();
    const next = async () => (await stream.next()).value as LoadedBatch;
    const held = await next();
    const before = held.images.slice();
    for (let i = 0; i < 8; i++) {
      const batch = await next();
      expect(batch.images).not.toBe(held.images);
      batch.release();
    }
    expect(held.images).toEqual(before);
    expect(held.images.buffer).toBeInstanceOf(ArrayBuffer);
    held.release();
    held.release();
    const [one, two] = [await next(), await next()];
    expect(one.images).toBe(held.images);
    expect(two.images).not.toBe(one.images);
  });
});

describe('cache', () => {
  it('spares later epochs the files, in training and evaluation', async () => {
    for (const train of [true, false]) {
      await writeNoise('gone.png', 20, 20);
      const some = { ...list, paths: [...list.paths.slice(1), 'gone.png'] };
      const [kept, unkept] = [load({ list: some, train }), load({ list: some, train, cacheMB: 0 })];
      const before = content(await collect(kept, 5));
      await collect(unkept, 5);
      const seen = before.some((batch) => batch.indices.includes(22));
      rmSync(join(dir, 'gone.png'));
      expect(content(await collect(kept, 5))).toEqual(before);
      expect([seen, kept.bad.size]).toEqual([true, 0]);
      expect((await failureOf(collect(unkept, 5))).message).toContain('gone.png: wanted');
    }
  });
});

describe('threads', () => {
  const paths = Array.from({ length: 8 }, (_, i) => `slow${i}.png`);
  const slow = { root: dir, paths, labels: new Int32Array(8) };
  beforeAll(async () => {
    for (const path of paths) await writeNoise(path, 1000, 1000);
  });
  const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

  it('go on while the main thread is blocked', async () => {
    const options = { list: slow, transform: photoTransform(64), batch: 2, cacheMB: 0 };
    const waits = async (blocked: number) => {
      const stream = load(options).batches();
      await stream.next();
      block(blocked);
      let sum = 0;
      for (let i = 0; i < 3; i++) sum += ((await stream.next()).value as LoadedBatch).waitSeconds;
      return sum;
    };
    const idle = await waits(0);
    const blocked = await waits(Math.max(300, 4000 * idle));
    // Else there was nothing to wait for.
    expect(idle).toBeGreaterThan(0.01);
    expect(blocked).toBeLessThan(idle / 4);
  });

  it('that crash reject the batch, and every later one, instead of hanging', async () => {
    for (const part of ['train', 'mean']) {
      const loader = load({ transform: { ...photos, [part]: undefined } as never, workers: 2 });
      expect((await failureOf(collect(loader, 1))).message).toMatch(/a worker crashed: .*undefined/);
      expect((await failureOf(collect(loader, 1))).message).toMatch(/a worker crashed/);
    }
  });

  it('end at close, which rejects a batch being waited for', async () => {
    const loader = load({ list: slow, workers: 2 });
    const waiting = failureOf(loader.batches().next());
    await new Promise((resolve) => setTimeout(resolve, 60));
    await loader.close();
    expect((await waiting).message).toBe('Loader: closed');
  });

  it('close while they wait for a free slot', async () => {
    const loader = load({ prefetch: 1 });
    await loader.batches().next();
    block(100);
    await loader.close();
    expect((await failureOf(collect(loader, 1))).message).toBe('Loader: closed');
  });

  it('serve one stream: a new one ends the old', async () => {
    const loader = load();
    const [old, fresh] = [loader.batches(), loader.batches({ epoch: 1, step: 0 })];
    await old.next();
    const first = (await fresh.next()).value as LoadedBatch;
    expect([...first.indices]).toEqual([...epochOrder(23, 7, 1).slice(0, 5)]);
    expect((await failureOf(old.next())).message).toContain('internal: batches() was called again');
  });
});

it('options are checked', () => {
  expect(() => load({ batch: 0 })).toThrow('batch: wanted a whole number from 1 on, got 0');
  expect(() => load({ list: { root: '/r', paths: [], labels: new Int32Array(0) } })).toThrow('wanted images, got none');
});
