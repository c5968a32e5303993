import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { type ImageList, select, splitList, subset } from './dataset.ts';
import type { ListingEvent } from './folders/listingNode.ts';
import { openDataset } from './openDatasetNode.ts';

/** More than a stack holds, which is about 125,000. `MANY=3000000 npx vitest run manyImages` has as many as the largest sets. */
const MANY = Number(process.env.MANY ?? 150_000);
/** Our choice: what is done in proportion takes about 10 s for a million on an idle machine; what is done to each pair never ends. */
const SECONDS = 30 + MANY / 10_000;
const LIMIT_MS = 4000 * SECONDS;

const dir = mkdtempSync(join(tmpdir(), 'understudy-many-'));
afterAll(() => rmSync(dir, { recursive: true }));

const listOf = (label: (i: number) => number): ImageList => ({
  root: '',
  paths: Array.from({ length: MANY }, (_, i) => `${i}.png`),
  labels: Int32Array.from({ length: MANY }, (_, i) => label(i)),
});

const BLOCK = 10_000;

/** Written in pieces: no text of all rows is alive in the test. */
function table(name: string, header: string, row: (i: number) => string): string {
  const path = join(dir, name);
  const file = openSync(path, 'w');
  writeSync(file, header);
  for (let from = 0; from < MANY; from += BLOCK)
    writeSync(file, Array.from({ length: BLOCK }, (_, i) => `${row(from + i)}\n`).join(''));
  closeSync(file);
  return path;
}

async function timed<T>(work: () => T | Promise<T>): Promise<T> {
  const from = performance.now();
  const done = await work();
  expect(performance.now() - from).toBeLessThan(1000 * SECONDS);
  return done;
}

/** Does it by a clock that goes on by a second at each look. */
async function everySecond<T>(work: () => Promise<T>): Promise<T> {
  const clock = vi.spyOn(performance, 'now');
  let now = 0;
  clock.mockImplementation(() => (now += 1001));
  try {
    return await work();
  } finally {
    clock.mockRestore();
  }
}

it.each([
  ['of no class', () => -1],
  ['of one class', () => 0],
  ['of two', (i: number) => i % 2],
  ['of one each', (i: number) => i],
])(
  'many images %s are split and drawn from',
  async (_, label) => {
    const list = listOf(label);
    const classes = new Set(list.labels).size;
    const { train, val } = await timed(() => splitList(list, 0.1, 1));
    // A class of one image keeps it.
    expect([train.paths.length, val.paths.length]).toEqual(classes === MANY ? [MANY, 0] : [0.9 * MANY, 0.1 * MANY]);
    const part = await timed(() => subset(train, { fraction: 0.5 }, 1));
    expect(part.paths.length).toBe(train.paths.length / 2);
    expect(select(list, [5, 3]).paths).toEqual(['3.png', '5.png']);
  },
  LIMIT_MS,
);

it.each([
  ['without labels', 'path\n', (i: number) => `${i}.png`],
  [
    'multilabel',
    'path,labels,split\n',
    (i: number) => `"d/${i}.png",${i % 3}${i % 2 ? ';9' : ''},${i % 10 ? 'train' : 'val'}`,
  ],
])(
  'a table of many rows, %s',
  async (name, header, row) => {
    const path = table(`${name}.csv`, header, row);
    const { train, val } = await timed(() => openDataset(path, { seed: 1 }));
    expect([train.paths.length, val.paths.length]).toEqual([0.9 * MANY, 0.1 * MANY]);
    if (name === 'multilabel') expect(new Set(train.sets!.map((set) => set.join()))).toHaveLength(6);
    rmSync(path);
  },
  LIMIT_MS,
);

it(
  'how far it is is told each second, of a table too',
  async () => {
    const path = table('told.csv', 'path,label\n', (i) => `${i}.png,${i % 7}`);
    const events: ListingEvent[] = [];
    await everySecond(() => openDataset(path, { seed: 1, onListing: (event) => events.push(event) }));
    expect(events.pop()).toEqual({ type: 'note', message: `sorting and splitting ${MANY} images` });
    const images = events.map((event) => (event as { images?: number }).images!);
    expect(images.length).toBeGreaterThan(2 * Math.floor(MANY / 4096));
    expect([...images].sort((a, b) => a - b)).toEqual(images);
    expect(events.at(-1)).toEqual({ type: 'listing', place: path, images: MANY, folders: 0, done: true });
  },
  LIMIT_MS,
);

/** A header of tar: name, size, checksum. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

it(
  'a shard of many images is listed',
  async () => {
    // A read a header: the number is not what is hard here.
    const many = Math.min(MANY, 20_000);
    const blocks = Array.from({ length: many }, (_, i) => header(`${i}.png`, 0));
    const path = join(dir, 'x.tar');
    writeFileSync(path, Buffer.concat([...blocks, Buffer.alloc(1024)]));
    const events: ListingEvent[] = [];
    const { train, val } = await timed(() =>
      everySecond(() => openDataset(path, { seed: 1, onListing: (event) => events.push(event) })),
    );
    expect(train.paths.length + val.paths.length).toBe(many);
    const listed = events.filter((event) => event.type === 'listing');
    expect(listed.length).toBeGreaterThan(many / 1000);
    expect(listed.at(-1)).toMatchObject({ images: many, done: true });
    expect(listed[2]!.images).toBeGreaterThan(0);
    expect(listed[2]!.images).toBeLessThan(many);
  },
  LIMIT_MS,
);
