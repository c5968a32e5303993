import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { spanOf } from './address.ts';
import { decodeImage } from './images/decodeNode.ts';
import { createLoader } from './loading/loaderNode.ts';
import { smallTransform } from './augment/pipeline.ts';
import { openDataset } from './openDatasetNode.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-archives-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A 4 x 4 image of one grey level, by which it is known again. */
const png = (grey: number) =>
  sharp({ create: { width: 4, height: 4, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

async function tar(files: { readonly [name: string]: Uint8Array | string }): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, Buffer.from(bytes));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Row {
  readonly bytes: Uint8Array | null;
  readonly label: number | null;
}

/** As Hugging Face's datasets writes it: image is a group of bytes and path, class names are in the metadata. */
function parquet(rows: readonly Row[], names?: readonly string[]): Uint8Array {
  const info = { info: { features: { label: { names, _type: 'ClassLabel' } } } };
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'image', data: rows.map(({ bytes }) => ({ bytes, path: null })) },
        { name: 'label', data: rows.map(({ label }) => (label === null ? null : BigInt(label))) },
      ],
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
      ],
      rowGroupSize: 100,
      ...(names && { kvMetadata: [{ key: 'huggingface', value: JSON.stringify(info) }] }),
    }),
  );
}

const open = (place = dir, more = {}) => openDataset(place, { seed: 1, valFraction: 0, ...more });

async function messageOf(run: () => Promise<unknown>): Promise<string> {
  const error = await run().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

/** [grey level, class name] of each image. */
async function seen({ classes, train }: Awaited<ReturnType<typeof open>>, list = train) {
  return Promise.all(
    list.paths.map(async (path, i) => [(await decodeImage(join(list.root, path))).data[0], classes[list.labels[i]!]]),
  );
}

describe('CSV', () => {
  it('has paths relative to the file and class names or ids', async () => {
    for (const [name, grey] of [
      ['a b.png', 10],
      ['ü/2.png', 20],
      ['c,d.png', 30],
    ] as const)
      write(`images/${name}`, await png(grey));
    const file = write(
      'list.csv',
      '\ufeffimage_path,label\r\nimages/a b.png,cat\r\nimages/ü/2.png,dog\r\n"images/c,d.png",cat\r\n',
    );
    expect(await seen(await open(file))).toEqual([
      [10, 'cat'],
      [30, 'cat'],
      [20, 'dog'],
    ]);
    // Images in one folder beside a table: the table says the classes.
    expect(await seen(await open(dir))).toEqual([
      [10, 'cat'],
      [30, 'cat'],
      [20, 'dog'],
    ]);
    const ids = write('ids.csv', `images/a b.png,7\n${join(dir, 'images/ü/2.png')},10\n`);
    expect((await open(ids)).classes).toEqual(['10', '7']);
  });

  it('train.csv and val.csv are the parts, a table beside class folders is not looked at', async () => {
    write('train.csv', 'path,label\nimages/1.png,a\nimages/2.png,b\n');
    write('val.csv', 'path,label\nimages/3.png,b\n');
    expect((await open()).val.paths).toEqual(['images/3.png']);
    for (const name of ['a/1.png', 'b/2.png']) write(name, await png(1));
    expect((await open()).train.paths).toEqual(['a/1.png', 'b/2.png']);
  });

  it('says the row that has no path, and the columns that it knows', async () => {
    expect(await messageOf(() => open(write('x.csv', 'path,label\na.png,1\n,2\n')))).toMatch(
      /x\.csv: row 3: wanted the path/,
    );
    expect(await messageOf(() => open(write('y.csv', 'id,name\n1,2\n')))).toMatch(
      /wanted a column image_path.*got id, name/,
    );
    expect(await messageOf(() => open(write('z.csv', '')))).toMatch(/an empty file/);
    expect(await messageOf(() => open(write('q.csv', `path,label\n"${'x'.repeat(200_000)}`)))).toMatch(
      /q\.csv: .*damaged/,
    );
    expect(await messageOf(() => open(write('m.csv', 'path,label\na.png,1\nb.png,\nc.png,2\n')))).toMatch(
      /got 1 of 3 images without one/,
    );
  });
});

describe('tar shards', () => {
  it('join image and class by key, as spans that nothing unpacks', async () => {
    const long = `${'deep/'.repeat(40)}x`;
    write(
      'train-0.tar',
      await tar({ 'a.png': await png(1), 'a.cls': 'cat\n', 'b.json': '{"label": "dog"}', 'b.png': await png(2) }),
    );
    write(
      'train-1.tar',
      await tar({ [`${long}.png`]: await png(3), [`${long}.cls`]: 'cat', 'readme.txt': 'no image' }),
    );
    write('val-0.tar', await tar({ 'c.png': await png(4), 'c.cls': 'dog' }));
    const set = await open();
    expect(await seen(set)).toEqual([
      [1, 'cat'],
      [2, 'dog'],
      [3, 'cat'],
    ]);
    expect(await seen(set, set.val)).toEqual([[4, 'dog']]);
    expect(set.train.paths.map((path) => spanOf(path)!.container)).toEqual([
      'train-0.tar',
      'train-0.tar',
      'train-1.tar',
    ]);
    expect(readdirSync(dir).sort()).toEqual(['train-0.tar', 'train-1.tar', 'val-0.tar']);
  });

  it('feed the loader, which names a damaged image of a shard', async () => {
    const samples: { [name: string]: Buffer | string } = {};
    for (let i = 0; i < 12; i++)
      Object.assign(samples, {
        [`${i}.png`]: i === 5 ? Buffer.from('broken') : await png(i),
        [`${i}.cls`]: String(i % 2),
      });
    write('x.tar', await tar(samples));
    const { train } = await open();
    const transform = smallTransform(4);
    const loader = createLoader({ list: train, transform, batch: 12, train: false, seed: 0, maxBadFraction: 0.5 });
    try {
      for await (const batch of loader.batches()) {
        expect(batch.count).toBe(11);
        expect([...batch.labels].filter((label) => label === 1)).toHaveLength(6);
      }
      expect([...loader.bad.values()].join()).not.toContain('\0');
      expect([...loader.bad.values()]).toEqual([
        expect.stringMatching(/x\.tar: 5\.png: wanted an image.*a text file of 6 bytes/),
      ]);
    } finally {
      await loader.close();
    }
  });

  it('refuses what is no tar, what ends early, and a label that is none', async () => {
    expect(await messageOf(() => open(write('a.tar', 'x'.repeat(2000))))).toMatch(
      /a\.tar: wanted a tar archive.*checksum.*at byte 0/,
    );
    const whole = await tar({ 'a.png': await png(1), 'a.cls': 'cat' });
    expect(await messageOf(() => open(write('a.tar', whole.subarray(0, 540))))).toMatch(
      /more than the file holds at byte 0/,
    );
    const unlabelled = await tar({ 'a.png': 'x', 'a.json': '{"x": 1}' });
    expect(await messageOf(() => open(write('a.tar', unlabelled)))).toMatch(
      /a\.json: wanted label, class or cls.*got x/,
    );
  });
});

describe('Parquet', () => {
  it('has images as {bytes, path} and class names in its metadata; it is unpacked once', async () => {
    const rows = await Promise.all(
      Array.from({ length: 150 }, async (_, i) => ({ bytes: await png(i), label: i % 3 })),
    );
    const file = write('data/train-00000-of-00001.parquet', parquet(rows, ['zebra', 'ant', 'cow']));
    write('data/test-00000-of-00001.parquet', parquet(rows.slice(0, 2), ['zebra', 'ant', 'cow']));
    const set = await open();
    expect(set.classes).toEqual(['ant', 'cow', 'zebra']);
    expect(await seen(set)).toEqual(rows.map((_, i) => [i, ['zebra', 'ant', 'cow'][i % 3]]));
    expect(await seen(set, set.val)).toEqual([
      [0, 'zebra'],
      [1, 'ant'],
    ]);
    const shards = () =>
      readdirSync(join(dir, 'data/.understudy')).filter((name) => /^train.*\.tar$/.test(name)).length;
    await open();
    expect(shards()).toBe(1);
    utimesSync(file, new Date(), new Date(1e12));
    await open();
    expect(shards()).toBe(1);
    write('data/train-00000-of-00001.parquet', parquet(rows.slice(1), ['zebra', 'ant', 'cow']));
    await open();
    expect(shards()).toBe(2);
  });

  it('may have no labels, ids without names, and rows without an image', async () => {
    const some = parquet([
      { bytes: await png(9), label: null },
      { bytes: null, label: null },
    ]);
    const { classes, train } = await open(write('x.parquet', some), { cacheDir: join(dir, 'cache') });
    expect([
      classes,
      train.paths.length,
      readdirSync(join(dir, 'cache')).filter((name) => name.endsWith('.tar')).length,
    ]).toEqual([[], 2, 1]);
    expect(
      (await open(write('y.parquet', parquet([0, 1].map((label) => ({ bytes: Buffer.from('x'), label })))))).classes,
    ).toEqual(['0', '1']);
  });

  it('refuses what is no Parquet file, no image column, and an id without a name', async () => {
    expect(await messageOf(() => open(write('a.parquet', 'PAR1 not really PAR1')))).toMatch(
      /a\.parquet: wanted a Parquet file, got a damaged one/,
    );
    const other = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'text', data: ['a'], type: 'STRING' }] }));
    expect(await messageOf(() => open(write('b.parquet', other)))).toMatch(
      /b\.parquet: wanted a column image, got text/,
    );
    const bad = parquet([{ bytes: Buffer.from('x'), label: 5 }], ['a', 'b']);
    expect(await messageOf(() => open(write('c.parquet', bad)))).toMatch(/row 0: label: wanted an id below 2/);
    expect(readdirSync(join(dir, '.understudy'))).toEqual([]);
  });
});

describe('several places', () => {
  it('are one data set, classes being the same by name', async () => {
    for (const [name, grey] of [
      ['one/a/1.png', 1],
      ['one/b/1.png', 2],
      ['two/b/1.png', 3],
      ['two/c/1.png', 4],
    ] as const)
      write(name, await png(grey));
    const set = await openDataset([join(dir, 'one'), join(dir, 'two')], { seed: 0, valFraction: 0 });
    expect(await seen(set)).toEqual([
      [1, 'a'],
      [2, 'b'],
      [3, 'b'],
      [4, 'c'],
    ]);
  });

  it('all or none have a validation part', async () => {
    for (const name of ['one/train/a/1.png', 'one/train/b/1.png', 'one/val/a/1.png', 'two/a/1.png', 'two/b/1.png'])
      write(name, '');
    expect(await messageOf(() => openDataset([join(dir, 'one'), join(dir, 'two')], { seed: 0 }))).toMatch(
      /two: wanted a validation part, as .*one has one/,
    );
  });
});
