import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ImageList, select, splitList, subset } from './dataset.ts';
import type { ListingEvent } from './listingNode.ts';
import { openDataset } from './openDatasetNode.ts';

const MANY = 1_000_000;
/** Our choice: what is done in proportion takes a few seconds here; what is done to each pair, or by the stack, never ends. */
const SECONDS = 30;

const dir = mkdtempSync(join(tmpdir(), 'understudy-million-'));
afterAll(() => rmSync(dir, { recursive: true }));

const listOf = (label: (i: number) => number): ImageList => ({
  root: '',
  paths: Array.from({ length: MANY }, (_, i) => `${i}.png`),
  labels: Int32Array.from({ length: MANY }, (_, i) => label(i)),
});

/** Written in pieces: no text of all rows is alive in the test. */
function table(name: string, header: string, row: (i: number) => string): string {
  const path = join(dir, name);
  const file = openSync(path, 'w');
  writeSync(file, header);
  for (let from = 0; from < MANY; from += 50_000)
    writeSync(file, Array.from({ length: 50_000 }, (_, i) => `${row(from + i)}\n`).join(''));
  closeSync(file);
  return path;
}

async function timed<T>(work: () => T | Promise<T>): Promise<T> {
  const from = performance.now();
  const done = await work();
  expect(performance.now() - from).toBeLessThan(1000 * SECONDS);
  return done;
}

it.each([
  ['of no class', () => -1],
  ['of one class', () => 0],
  ['of two', (i: number) => i % 2],
  ['of one each', (i: number) => i],
])(
  'a million images %s are split and drawn from',
  async (_, label) => {
    const list = listOf(label);
    const classes = new Set(list.labels).size;
    const { train, val } = await timed(() => splitList(list, 0.1, 1));
    // A class of one image keeps it.
    expect([train.paths.length, val.paths.length]).toEqual(classes === MANY ? [MANY, 0] : [900_000, 100_000]);
    const part = await timed(() => subset(train, { fraction: 0.5 }, 1));
    expect(part.paths.length).toBe(train.paths.length / 2);
    expect(select(list, [5, 3]).paths).toEqual(['3.png', '5.png']);
  },
  120_000,
);

it.each([
  ['without labels', 'path\n', (i: number) => `${i}.png`],
  [
    'multilabel',
    'path,labels,split\n',
    (i: number) => `"d/${i}.png",${i % 3}${i % 2 ? ';9' : ''},${i % 10 ? 'train' : 'val'}`,
  ],
])(
  'a table of a million rows, %s, is read while others go on',
  async (name, header, row) => {
    const path = table(`${name}.csv`, header, row);
    const events: ListingEvent[] = [];
    let [last, longest] = [performance.now(), 0];
    const beat = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 20);
    const { train, val } = await timed(() => openDataset(path, { seed: 1, onListing: (event) => events.push(event) }));
    clearInterval(beat);
    expect([train.paths.length, val.paths.length]).toEqual([900_000, 100_000]);
    if (name === 'multilabel') expect(new Set(train.sets!.map((set) => set.join()))).toHaveLength(6);
    // Told each second, where it takes as long as that: on a quick machine it does not.
    for (const event of events) expect(event).toMatchObject({ type: 'listing', place: path });
    rmSync(path);
  },
  120_000,
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

it('a shard of 150,000 images is listed', async () => {
  const many = 150_000;
  const blocks = Array.from({ length: many }, (_, i) => header(`${i}.png`, 0));
  const path = join(dir, 'x.tar');
  writeFileSync(path, Buffer.concat([...blocks, Buffer.alloc(1024)]));
  const { train, val } = await timed(() => openDataset(path, { seed: 1 }));
  expect(train.paths.length + val.paths.length).toBe(many);
  expect(createHash('sha256').update(train.paths.join()).digest('hex')).toHaveLength(64);
}, 120_000);
