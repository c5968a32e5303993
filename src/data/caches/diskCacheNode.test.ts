import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { photoTransform } from '../augment/pipeline.ts';
import { shardBytes } from '../../formats/disk/shardFolderNode.ts';
import { DiskCache, freeBytes, imageKey, pixelForm } from './diskCacheNode.ts';
import { forecastDiskCache } from './diskForecastNode.ts';
import { heldShards, newHold, renewHold } from './diskHoldsNode.ts';
import { createLoader } from '../loading/loaderNode.ts';

const base = mkdtempSync(join(tmpdir(), 'understudy-disk-'));
let dir = '';
let count = 0;
const warnings: string[] = [];
const image = (value: number, side = 6) => ({ data: Buffer.alloc(side * side * 3, value), width: side, height: side });
const key = (i: number) => `key ${i}`.padEnd(16, '.');
const shards = () =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.shard'))
    .map((name) => join(dir, name));
function open(form = 'decoded', maxBytes = 1e9, spareBytes = 0): DiskCache {
  const used = new SharedArrayBuffer(8);
  new Float64Array(used)[0] = shardBytes(dir);
  return new DiskCache({ dir, maxBytes, used, hold: newHold(dir), spareBytes }, form, (text) => warnings.push(text));
}
/** As if every run of before had ended, and the shard `path` had been used so many seconds ago. */
const end = () => {
  for (const name of readdirSync(dir)) if (name.endsWith('.hold')) rmSync(join(dir, name));
};
const age = (path: string, seconds: number) =>
  utimesSync(path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

beforeEach(() => {
  dir = join(base, `${count++}`);
  warnings.length = 0;
});
afterAll(() => rmSync(base, { recursive: true }));

describe('decoded images on the disk', () => {
  it('are read back by their writer at once, and by others when the shard is whole, each form its own', () => {
    const writer = open();
    for (let i = 0; i < 5; i++) writer.write(key(i), image(i, i + 1));
    expect(writer.read(key(3))).toEqual(image(3, 4));
    expect(open().read(key(3))).toBeUndefined();
    writer.flush();
    const other = open();
    for (let i = 0; i < 5; i++) expect(other.read(key(i))).toEqual(image(i, i + 1));
    expect(writer.read(key(4))).toEqual(image(4, 5));
    expect(open('evaluation 16 0.875').read(key(3))).toBeUndefined();
    expect([shards().length, warnings]).toEqual([1, []]);
  });

  it('are not trusted where a shard is cut or its bytes have changed', () => {
    const writer = open();
    for (let i = 0; i < 4; i++) writer.write(key(i), image(i));
    writer.flush();
    const bytes = readFileSync(shards()[0]!);
    bytes[8 + 6 * 6 * 3 + 5]! ^= 1;
    writeFileSync(shards()[0]!, bytes);
    const changed = open();
    expect([0, 1, 2].map((i) => changed.read(key(i))?.data[0])).toEqual([0, undefined, 2]);
    truncateSync(shards()[0]!, bytes.length - 40);
    expect(open().read(key(0))).toBeUndefined();
    // A damaged shard goes, so that it is not read in vain each time.
    expect(shards()).toEqual([]);
  });

  it('stop at the limit, which is told once; what is there stays', () => {
    const writer = open('decoded', 500);
    for (let i = 0; i < 9; i++) writer.write(key(i), image(i));
    const kept = [...Array(9).keys()].filter((i) => open().read(key(i)));
    // 8 bytes, 108 an image, 40 an image in the index, and 20 at the end: a fourth would make 620.
    expect(kept).toEqual([0, 1, 2]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/is full of images that runs use now \(data.cacheGB/);
    expect(shardBytes(dir)).toBeLessThan(500);
  });

  it('make room at the limit: what was not used for longest goes, and what a live run uses stays', () => {
    // Four shards of one image, 108 bytes of pixels each, of runs that have ended.
    for (let i = 0; i < 4; i++) {
      const writer = open();
      writer.write(key(i), image(i));
      writer.flush();
      age(writer.pathOf(key(i))!, 100 * (9 - i));
    }
    end();
    const each = shardBytes(dir) / 4;
    // The oldest is read, so it is held and no longer the oldest.
    const reader = open();
    expect(reader.read(key(0))).toEqual(image(0));
    expect(heldShards(dir)).toEqual(new Set([reader.pathOf(key(0))]));
    const late = open('decoded', 4 * each);
    late.write(key(7), image(7));
    late.flush();
    expect([0, 1, 2, 3, 7].filter((i) => open().has(key(i)))).toEqual([0, 3, 7]);
    expect(warnings).toEqual([]);
    // Now all that is left is older than the one that is held, which stays still.
    age(reader.pathOf(key(0))!, 5000);
    const last = open('decoded', 2.5 * each);
    last.write(key(8), image(8));
    last.flush();
    expect([0, 3, 7, 8].filter((i) => open().has(key(i)))).toEqual([0, 7]);
    expect(warnings).toHaveLength(1);
  });

  it('a hold that nobody renews ends, and so does that of a loader that is closed', () => {
    const writer = open();
    writer.write(key(1), image(1));
    writer.flush();
    const [name] = readdirSync(dir).filter((one) => one.endsWith('.hold'));
    expect(heldShards(dir).size).toBe(1);
    age(join(dir, name!), 1000);
    expect(heldShards(dir).size).toBe(0);
    expect(readdirSync(dir)).not.toContain(name);
    const hold = newHold(dir);
    writeFileSync(hold, 'form/a.shard\n');
    const release = renewHold(hold);
    expect(heldShards(dir)).toEqual(new Set([join(dir, 'form/a.shard')]));
    release();
    expect(heldShards(dir).size).toBe(0);
  });

  it('are no longer kept when the disk is nearly full, which is told once', () => {
    expect(freeBytes(join(dir, 'not/there'))).toBeGreaterThan(0);
    const writer = open('decoded', 1e9, 1e18);
    for (let i = 0; i < 3; i++) writer.write(key(i), image(i));
    expect([shards(), warnings.length]).toEqual([[], 1]);
    expect(warnings[0]).toMatch(/nearly full: .* GB are free, and 1.0e\+9 GB are left to .*data.cacheDir/);
  });

  it('cost speed alone where the folder cannot be written', () => {
    mkdirSync(base, { recursive: true });
    writeFileSync(dir, 'a file in the way');
    const writer = open();
    for (let i = 0; i < 3; i++) writer.write(key(i), image(i));
    expect(writer.read(key(0))).toBeUndefined();
    writer.flush();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('no longer kept');
  });
});

it('the key of an image changes with its size and time, and there is none for a file that may still change', async () => {
  const path = `${base}/one.png`;
  writeFileSync(path, 'a');
  expect(imageKey(path)).toBeUndefined();
  await sleep(150);
  const before = imageKey(path);
  expect(before).toHaveLength(16);
  expect(imageKey(path)).toBe(before);
  utimesSync(path, new Date(0), new Date(0));
  await sleep(150);
  expect(imageKey(path)).not.toBe(before);
  expect(imageKey(`${base}/none.png`)).toBeUndefined();
});

it('the form is the part of the transform that the pixels depend on', () => {
  const photos = photoTransform(16);
  const small = { ...photos, train: { ...photos.train, crop: 'pad' as const } };
  const forms = [pixelForm(photos, true), pixelForm(small, true), pixelForm(photos, false)];
  expect(new Set(forms).size).toBe(3);
  expect(pixelForm(photoTransform(32), true)).toBe(forms[0]);
  for (const other of [
    pixelForm({ ...small, imageSize: 20 }, true),
    pixelForm({ ...photos, evalCropRatio: 1 }, false),
    pixelForm({ ...photos, filter: 'box' }, false),
    pixelForm({ ...photos, geometry: { resize: { to: 'exactly', width: 16, height: 16 }, centre: 'floor' } }, false),
  ])
    expect(forms).not.toContain(other);
});

describe('a loader', () => {
  const photos = join(base, 'photos');
  const paths = Array.from({ length: 8 }, (_, i) => `${i}.png`);
  const flat = (value: number) =>
    sharp(Buffer.alloc(20 * 20 * 3, value), { raw: { width: 20, height: 20, channels: 3 } }).png({
      compressionLevel: 0,
    });

  beforeAll(async () => {
    mkdirSync(photos);
    for (const [i, path] of paths.entries()) await flat(10 * i).toFile(join(photos, path));
    await sleep(150);
  });

  async function values(): Promise<Map<number, number>> {
    const list = { root: photos, paths, labels: new Int32Array(8) };
    const disk = { dir, maxBytes: 1e9 };
    const transform = { ...photoTransform(16), mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const loader = createLoader({ list, transform, batch: 8, train: true, seed: 0, workers: 1, cacheMB: 0, disk });
    const found = new Map<number, number>();
    for await (const { images, indices, release } of loader.batches()) {
      indices.forEach((index, row) => void found.set(index, Math.round(255 * images[row * 768]!)));
      release();
      break;
    }
    await loader.close();
    return found;
  }

  it('is forecast by a sample: what all take, and what is there', async () => {
    const list = { root: photos, paths, labels: new Int32Array(8) };
    const forecast = (train: boolean) => forecastDiskCache(dir, list, photoTransform(16), train);
    expect(await forecast(true)).toEqual({ bytes: 8 * 20 * 20 * 3, stored: 0 });
    expect(await forecast(false)).toEqual({ bytes: 8 * 16 * 16 * 3, stored: 0 });
    await values();
    expect(await forecast(true)).toEqual({ bytes: 8 * 20 * 20 * 3, stored: 8 * 20 * 20 * 3 });
    expect((await forecast(false)).stored).toBe(0);
  }, 120_000);

  it('reads what an earlier one kept, but never of a file that has changed', async () => {
    const want = new Map(paths.map((_, i) => [i, 10 * i]));
    const sorted = async () => new Map([...(await values())].sort(([a], [b]) => a - b));
    expect(await sorted()).toEqual(want);
    const bytesBefore = shardBytes(dir);
    expect(bytesBefore).toBeGreaterThan(8 * 20 * 20 * 3);
    const held = readFileSync(join(photos, '3.png'));
    writeFileSync(join(photos, '3.png'), await flat(200).toBuffer());
    expect((await sorted()).get(3)).toBe(200);
    writeFileSync(join(photos, '3.png'), held);
    await sleep(150);
    expect(await sorted()).toEqual(want);
    // The seven others were not decoded again: only what changed was added, twice.
    expect(shardBytes(dir) - bytesBefore).toBeLessThan(2 * 20 * 20 * 3 + 400);
  }, 120_000);
});
