import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Dataset } from '../dataset.ts';
import { decodeListing, encodeListing } from './listingFileNode.ts';
import type { ListingEvent } from './listingNode.ts';
import { openDataset } from '../openDatasetNode.ts';

let [dir, cache] = ['', ''];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-listing-'));
  cache = join(dir, 'cache');
  touch(
    'data/cat/1.png',
    'data/cat/2.png',
    'data/dog/1.png',
    'data/dog/deep/er/2.png',
    'data/élan/１.png',
    'other/9.png',
  );
  touch('data/dog-b/1.png', 'data/dog.c/1.png', 'data/\u{1F600}/1.png', 'data/！/1.png', 'away/8.png');
  symlinkSync(join(dir, 'other'), join(dir, 'data/cat/link'));
  symlinkSync(join(dir, 'nowhere'), join(dir, 'data/dog/later'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true });
});

/** Empty files: a listing reads names only. */
function touch(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), '');
  }
}

const plain = (place = 'data') => openDataset(join(dir, place), { seed: 1, valFraction: 0 });
const open = (more = {}, place = 'data') =>
  openDataset(join(dir, place), { seed: 1, valFraction: 0, listings: { dir: cache, fewest: 1 }, ...more });
/** Until what was written is older than what a clock could fail to tell apart. */
const settle = () => setTimeout(130);
const kept = () => (existsSync(cache) ? readdirSync(cache) : []).map((name) => join(cache, name));

/** Writes other labels into what is kept: a listing that shows them was read from there. */
function mark(): void {
  const [file] = kept();
  const { witnesses, layout } = decodeListing(readFileSync(file!));
  const { train, ...rest } = layout();
  const marked = { root: '', ...rest, train: { ...train, labels: train.labels.map((label) => `kept ${label}`) } };
  writeFileSync(file!, Buffer.concat(encodeListing(marked, new Map(witnesses))));
}

const isKept = ({ classes }: Dataset): boolean => classes.every((name) => name.startsWith('kept '));

async function keepAndMark(place = 'data'): Promise<void> {
  await settle();
  await open({}, place);
  mark();
  expect(isKept(await open({}, place))).toBe(true);
}

describe('a kept listing', () => {
  it('is the one that was made, in the order of the paths, and is read the next time', async () => {
    const want = await plain();
    expect(want.train.paths).toEqual([
      ...['cat/1.png', 'cat/2.png', 'cat/link/9.png', 'dog-b/1.png', 'dog.c/1.png', 'dog/1.png', 'dog/deep/er/2.png'],
      ...['élan/１.png', '！/1.png', '\u{1F600}/1.png'],
    ]);
    await settle();
    expect(await open()).toEqual(want);
    expect(kept()).toHaveLength(1);
    expect(await open()).toEqual(want);
    await keepAndMark();
  });

  it('holds labels of every kind, and what was said about them', async () => {
    const part = { paths: ['a', 'b\0', 'é'.repeat(3000)], labels: [undefined, ['x', 'y'], 'z'] };
    const layout = { root: '', train: part, val: { paths: ['c'], labels: [[]] }, notes: ['so'] };
    const read = decodeListing(Buffer.concat(encodeListing(layout, new Map([['p', 's']]))));
    expect(read.witnesses).toEqual([['p', 's']]);
    expect({ root: '', ...read.layout() }).toEqual(layout);
  });

  const changes: Readonly<Record<string, () => void>> = {
    'a new file': () => touch('data/cat/3.png'),
    'a file that is gone': () => unlinkSync(join(dir, 'data/cat/2.png')),
    'a file of another name': () => renameSync(join(dir, 'data/cat/2.png'), join(dir, 'data/cat/5.png')),
    'a class folder of another name': () => renameSync(join(dir, 'data/cat'), join(dir, 'data/cow')),
    'a new class folder': () => touch('data/cow/1.png'),
    'a change far below': () => touch('data/dog/deep/er/3.png'),
    'a change in a folder that a link leads to': () => touch('other/10.png'),
    'a link that leads elsewhere': () => {
      unlinkSync(join(dir, 'data/cat/link'));
      symlinkSync(join(dir, 'away'), join(dir, 'data/cat/link'));
    },
    'another folder where a link leads to, of the same age': () => {
      renameSync(join(dir, 'other'), join(dir, 'old'));
      renameSync(join(dir, 'away'), join(dir, 'other'));
    },
    'a link that led nowhere': () => touch('nowhere/1.png'),
  };
  it.each(Object.keys(changes))('is not taken after %s', async (name) => {
    await keepAndMark();
    const before = await plain();
    changes[name]!();
    const now = await open();
    expect(now).toEqual(await plain());
    expect(now.train.paths).not.toEqual(before.train.paths);
  });

  it('is taken after a file was written anew in place, which changes no listing', async () => {
    await keepAndMark();
    writeFileSync(join(dir, 'data/cat/1.png'), 'other bytes');
    expect(isKept(await open())).toBe(true);
  });

  it('of a CSV file goes by the file', async () => {
    const rows = 'path,label\na.png,cat\nb.png,dog\n';
    writeFileSync(join(dir, 'data.csv'), rows);
    await keepAndMark('data.csv');
    writeFileSync(join(dir, 'data.csv'), rows.replace('dog', 'cow'));
    expect((await open({}, 'data.csv')).classes).toEqual(['cat', 'cow']);
  });

  it('belongs to a place and to what its listing depends on', async () => {
    await settle();
    await openDataset([join(dir, 'data'), join(dir, 'data')], { seed: 1, listings: { dir: cache, fewest: 1 } });
    expect(kept()).toHaveLength(1);
    await open({}, 'data/cat/..');
    expect(kept()).toHaveLength(1);
    await open({ cacheDir: join(dir, 'unpacked') });
    expect(kept()).toHaveLength(2);
    await open({ listings: { dir: cache } }, 'other');
    expect(kept()).toHaveLength(2);
  });

  it('is not made while a folder is so young that a change could go unnoticed', async () => {
    await settle();
    touch('data/cat/7.png');
    await open();
    expect(kept()).toEqual([]);
    await settle();
    await open();
    expect(kept()).toHaveLength(1);
  });
});

describe('damage', () => {
  it('is ignored, and the file written anew', async () => {
    await settle();
    const want = await open();
    const [file] = kept();
    const whole = readFileSync(file!);
    const cut = [0, 1, 8, 11, 12, 40, whole.length - 33, whole.length - 1].map((length) => whole.subarray(0, length));
    const flipped = [9, 20, whole.length >> 1, whole.length - 40, whole.length - 1].map((at) =>
      Buffer.from(whole).fill(whole[at]! ^ 1, at, at + 1),
    );
    for (const damaged of [...cut, ...flipped, Buffer.concat([whole, Buffer.from('x')]), Buffer.alloc(1000, 255)]) {
      writeFileSync(file!, damaged);
      expect(await open()).toEqual(want);
      expect(readFileSync(file!).equals(whole)).toBe(true);
    }
  });

  it('a folder that takes no files costs speed alone, and is told', async () => {
    await settle();
    writeFileSync(join(dir, 'file'), '');
    mkdirSync(join(dir, 'readOnly'));
    chmodSync(join(dir, 'readOnly'), 0o555);
    const told: ListingEvent[] = [];
    const at = (path: string) => ({
      listings: { dir: join(dir, path), fewest: 1 },
      onListing: (e: ListingEvent) => told.push(e),
    });
    for (const path of ['file', 'file/below']) expect(await open(at(path))).toEqual(await plain());
    expect(
      told.map((event) => event.type === 'note' && /is not kept for later runs: .*file/.test(event.message)),
    ).toEqual([true, true]);
    // The administrator may write there all the same.
    expect(await open(at('readOnly'))).toEqual(await plain());
  });
});

it('several processes may write at once; what a killed one left goes after an hour', async () => {
  await settle();
  mkdirSync(cache);
  const names = ['0', '1'].map((digit) => join(cache, `x.listing.tmp-${digit.repeat(12)}`));
  for (const name of names) writeFileSync(name, '');
  utimesSync(names[0]!, new Date(), new Date(Date.now() - 4_000_000));
  const url = new URL('../../../dist/data/openDatasetNode.js', import.meta.url).href;
  const script = join(dir, 'list.mjs');
  writeFileSync(
    script,
    `import { readdirSync, rmSync } from 'node:fs';
const { openDataset } = await import(${JSON.stringify(url)});
const cache = ${JSON.stringify(cache)};
for (let i = 0; i < 40; i++) {
  if (i % 4 === 3) for (const name of readdirSync(cache)) if (name.endsWith('.listing')) rmSync(cache + '/' + name, { force: true });
  const { train } = await openDataset(${JSON.stringify(join(dir, 'data'))}, { seed: 1, valFraction: 0, listings: { dir: cache, fewest: 1 } });
  if (train.paths.length !== 10) throw new Error('wrong listing');
}`,
  );
  const children = [0, 1, 2].map(() => fork(script, { stdio: 'inherit' }));
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as number));
  expect(codes).toEqual([0, 0, 0]);
  expect(await open()).toEqual(await plain());
  expect(kept().filter((name) => name.includes('.tmp-'))).toEqual([names[1]]);
  mark();
  expect(isKept(await open())).toBe(true);
}, 30_000);

it('tells how far it is where it takes longer than a second, and lets others run meanwhile', async () => {
  touch(...Array.from({ length: 600 }, (_, i) => `data/cat/x${i}.png`));
  let [clock, ticks] = [0, 0];
  vi.spyOn(performance, 'now').mockImplementation(() => (clock += 600));
  const told: ListingEvent[] = [];
  const ticking = setInterval(() => ticks++, 0);
  const { train } = await open({ listings: undefined, onListing: (event: ListingEvent) => told.push(event) });
  clearInterval(ticking);
  expect(told.map((event) => event.type)).toEqual(told.map(() => 'listing'));
  expect(told.at(-1)).toMatchObject({ place: join(dir, 'data'), images: train.paths.length, done: true });
  expect(told.slice(0, -1).map((event) => event.type === 'listing' && !event.done)).toContain(true);
  expect(ticks).toBeGreaterThan(0);
  vi.restoreAllMocks();
  told.length = 0;
  await open({ listings: undefined, onListing: (event: ListingEvent) => told.push(event) });
  expect(told).toEqual([]);
});
