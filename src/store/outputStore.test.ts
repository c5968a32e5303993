import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanShards, shardBytes } from '../formats/disk/shardFolderNode.ts';
import { imageKeys } from './imageKeysNode.ts';
import { addressOf, OutputStore, type OutputStoreOptions } from './outputStoreNode.ts';

let dir: string;
let warnings: string[];
const opened: OutputStore[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-store-'));
  warnings = [];
});
afterEach(() => {
  for (const store of opened.splice(0)) store.close();
  rmSync(dir, { recursive: true, force: true });
});

const IMAGES = Array.from({ length: 6 }, (_, i) => String(i).padStart(16, 'x'));
const open = (more: Partial<OutputStoreOptions> = {}): OutputStore => {
  const columns = [
    { name: 'logits', length: 4, address: 'a'.repeat(32) },
    { name: 'tokens.0', length: 9, address: 'b'.repeat(32) },
  ];
  const warn = (message: string) => void warnings.push(message);
  const store = new OutputStore({ dir, maxBytes: 1e6, columns, images: IMAGES, warn, ...more });
  opened.push(store);
  return store;
};
const values = (image: number, view: number) => Float32Array.of(image, view, 1 / 3, -70000);
/** As float16 holds them: a third rounded, and a finite number for what is too large. */
const held = (image: number, view: number) => [image, view, 0.333251953125, -65504];
const read = (store: OutputStore, image: number, view: number) => {
  const into = new Float32Array(4);
  return store.read('logits', image, view, into) ? [...into] : undefined;
};
const fill = (store: OutputStore, images: readonly number[], view = 0) => {
  for (const image of images)
    expect([...store.write('logits', image, view, values(image, view))]).toEqual(held(image, view));
};
const shards = () =>
  readdirSync(join(dir, 'a'.repeat(32)))
    .filter((name) => name.endsWith('.shard'))
    .map((name) => join(dir, 'a'.repeat(32), name));

describe('records', () => {
  it('come back as they were given at the writing, at once and from another store', () => {
    const store = open();
    fill(store, [0, 1, 2]);
    fill(store, [1], 3);
    expect([read(store, 1, 0), read(store, 1, 3)]).toEqual([held(1, 0), held(1, 3)]);
    expect([read(store, 0, 3), read(store, 4, 0)]).toEqual([undefined, undefined]);
    expect(store.read('tokens.0', 1, 0, new Float32Array(9))).toBe(false);
    expect(read(open(), 1, 0)).toBeUndefined();
    store.close();
    const later = open();
    expect([0, 1, 2].map((image) => read(later, image, 0))).toEqual([0, 1, 2].map((image) => held(image, 0)));
    expect(read(open({ columns: [{ name: 'logits', length: 4, address: 'c'.repeat(32) }] }), 1, 0)).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('of two writers at once are all there', () => {
    const [one, two] = [open(), open()];
    for (let image = 0; image < 6; image++) fill(image % 2 === 0 ? one : two, [image]);
    one.close();
    two.close();
    const all = open();
    expect(IMAGES.map((_, image) => read(all, image, 0))).toEqual(IMAGES.map((_, image) => held(image, 0)));
    expect(shards()).toHaveLength(2);
  });

  it('of another writer are found once they are flushed and looked for', () => {
    const [one, two] = [open(), open()];
    fill(one, [0]);
    two.refresh();
    expect(read(two, 0, 0)).toBeUndefined();
    one.flush();
    expect(read(two, 0, 0)).toBeUndefined();
    two.refresh();
    two.refresh();
    expect(read(two, 0, 0)).toEqual(held(0, 0));
    expect(two.forecast([0], 1).stored).toBe(0.5);
  });

  it('are forecast to the byte', () => {
    const store = open();
    const before = store.forecast(IMAGES.keys(), 2);
    expect(before.stored).toBe(0);
    for (const image of IMAGES.keys())
      for (const view of [0, 1]) {
        fill(store, [image], view);
        store.write('tokens.0', image, view, new Float32Array(9));
      }
    store.close();
    // Beside the records each shard has a head and an end of 8 + 24 bytes.
    expect(shardBytes(dir)).toBe(before.bytes + 2 * 32);
    expect(open().forecast(IMAGES.keys(), 2)).toEqual({ stored: 1, bytes: 0 });
    expect(open().forecast(IMAGES.keys(), 4).stored).toBe(0.5);
  });
});

describe('damage', () => {
  const flip = (path: string, at: number) => {
    const byte = readFileSync(path)[at]!;
    const file = openSync(path, 'r+');
    writeSync(file, Uint8Array.of(byte ^ 1), 0, 1, at);
    closeSync(file);
  };

  it.each([
    ['a flipped bit in a record', (path: string) => flip(path, 8 + 9)],
    ['a flipped bit in the index', (path: string) => flip(path, 8 + 2 * 8 + 3)],
    ['a cut end', (path: string) => truncateSync(path, statSync(path).size - 1)],
    ['a file cut to nothing', (path: string) => truncateSync(path, 0)],
    ['another file', (path: string) => writeFileSync(path, 'x'.repeat(500))],
  ])('%s is found and named, and its records are written anew', (_, damage) => {
    const store = open();
    fill(store, [0, 1]);
    store.close();
    const path = shards()[0]!;
    damage(path);
    const later = open();
    expect(read(later, 1, 0)).toBeUndefined();
    expect(read(later, 0, 0)).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(path);
    expect(existsSync(path)).toBe(false);
    fill(later, [0, 1]);
    later.close();
    expect(read(open(), 1, 0)).toEqual(held(1, 0));
  });

  it('a kill loses the unfinished shard alone', async () => {
    const module = new URL('../../dist/store/outputStoreNode.js', import.meta.url).href;
    const script = `const { OutputStore } = await import(${JSON.stringify(module)});
      const store = new OutputStore({ dir: ${JSON.stringify(dir)}, maxBytes: 1e6, warn: console.error,
        columns: [{ name: 'logits', length: 4, address: ${JSON.stringify('a'.repeat(32))} }], images: ${JSON.stringify(IMAGES)} });
      const put = (i) => store.write('logits', i, 0, Float32Array.of(i, 0, 1 / 3, -70000));
      put(0); put(1); store.flush(); put(2); console.log('ready'); setInterval(() => put(3), 5);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const later = open();
    expect([0, 1, 2, 3].map((image) => read(later, image, 0) !== undefined)).toEqual([true, true, false, false]);
    expect(warnings).toEqual([]);
    const [left] = readdirSync(join(dir, 'a'.repeat(32))).filter((name) => name.includes('.tmp-'));
    // It may be that of a writer at work; an hour later it is not.
    utimesSync(join(dir, 'a'.repeat(32), left!), new Date(0), new Date(0));
    open();
    expect(readdirSync(join(dir, 'a'.repeat(32))).some((name) => name.includes('.tmp-'))).toBe(false);
  });
});

describe('the limit', () => {
  const column = (address: string) => [{ name: 'logits', length: 4, address: address.repeat(32) }];

  it('first costs what was not used for longest, then ends the keeping, and says so once', () => {
    for (const [i, address] of ['c', 'd'].entries()) {
      const old = open({ columns: column(address) });
      fill(old, [0, 1, 2]);
      old.close();
      const [name] = readdirSync(join(dir, address.repeat(32)));
      utimesSync(join(dir, address.repeat(32), name!), new Date(1e12 + i * 1e9), new Date(1e12 + i * 1e9));
    }
    const each = shardBytes(dir) / 2;
    const store = open({ maxBytes: 2.2 * each });
    for (let view = 0; view < 20; view++) fill(store, [0, 1, 2, 3, 4, 5], view);
    store.close();
    expect(existsSync(join(dir, 'c'.repeat(32)))).toBe(false);
    expect(shardBytes(dir)).toBeLessThanOrEqual(2.2 * each + 32);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/is full \(teacher\.store\.maxGB/);
    // What it kept before it was full is there.
    expect(read(open(), 0, 0)).toEqual(held(0, 0));
  });

  it('is kept by a clean-up, oldest first', () => {
    for (const [i, address] of ['c', 'd', 'e'].entries()) {
      const store = open({ columns: column(address) });
      fill(store, [0]);
      store.close();
      const [name] = readdirSync(join(dir, address.repeat(32)));
      utimesSync(join(dir, address.repeat(32), name!), new Date(1e12 - i * 1e9), new Date(1e12 - i * 1e9));
    }
    const each = shardBytes(dir) / 3;
    expect(cleanShards(dir, { maxBytes: 2 * each })).toEqual({ deleted: each, left: 2 * each });
    expect(readdirSync(dir)).toEqual(['c'.repeat(32), 'd'.repeat(32)]);
    expect(cleanShards(dir, { maxBytes: 0 }).left).toBe(0);
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('keys', () => {
  it('of an image change with its bytes and its path, and bytes are read once', async () => {
    const root = join(dir, 'images');
    const cache = join(dir, 'keys.jsonl');
    rmSync(root, { recursive: true, force: true });
    const { mkdirSync } = await import('node:fs');
    mkdirSync(root);
    for (const name of ['a', 'b']) writeFileSync(join(root, name), 'same');
    const list = { root, paths: ['a', 'b', 'gone'], labels: new Int32Array(3) };
    const first = await imageKeys(list, cache);
    expect(new Set(first).size).toBe(3);
    expect(first.every((key) => Buffer.from(key, 'latin1').length === 16)).toBe(true);
    const { mtimeMs } = statSync(cache);
    expect(await imageKeys(list, cache)).toEqual(first);
    expect(statSync(cache).mtimeMs).toBe(mtimeMs);
    writeFileSync(join(root, 'a'), 'other');
    const second = await imageKeys(list, cache);
    expect([second[0] === first[0], second[1] === first[1]]).toEqual([false, true]);
  });

  it('of a column change with each of its parts', () => {
    const all = [addressOf('a', 'bc'), addressOf('ab', 'c'), addressOf('abc'), addressOf('a', Uint8Array.of(98, 100))];
    expect(new Set(all).size).toBe(4);
    expect(addressOf('a', Uint8Array.of(98, 99))).toBe(all[0]);
  });
});
