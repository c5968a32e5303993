import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spanOf } from '../address.ts';
import { readImageBytes } from '../images/decodeNode.ts';
import { openDataset, type OpenOptions } from '../openDatasetNode.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-foreign-shards-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

/** Files of a shard, in order: a name may come twice. */
async function tar(...files: readonly (readonly [name: string, text: string | Buffer])[]): Promise<Buffer> {
  const archive = pack();
  for (const [name, text] of files) archive.entry({ name }, Buffer.from(text));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const open = (place: string, more: Partial<OpenOptions> = {}) =>
  openDataset(place, { seed: 1, valFraction: 0, ...more });

/** Name, contents and class of each image. */
async function read(place: string, more: Partial<OpenOptions> = {}): Promise<string[]> {
  const { classes, train } = await open(place, more);
  return train.paths.map((path, i) => {
    const bytes = readImageBytes(join(train.root, path)).toString();
    return `${spanOf(path)!.name}=${bytes}=${classes[train.labels[i]!] ?? '-'}`;
  });
}

describe('keys of WebDataset', () => {
  it('the picture whose ending is a format alone is taken, the others are told', async () => {
    const files = ['0', '1'].flatMap((key) => [
      [`${key}.depth.png`, 'd'] as const,
      [`${key}.jpg`, 'x'] as const,
      [`${key}.seg.png`, 's'] as const,
      [`${key}.json`, '{"caption": 1}'] as const,
      [`${key}.cls`, key] as const,
      [`${key}.txt`, 't'] as const,
    ]);
    const file = write('x.tar', await tar(...files));
    expect(await read(file)).toEqual(['0.jpg=x=0', '1.jpg=x=1']);
    expect((await open(file)).notes).toEqual([
      expect.stringMatching(
        /not read beside a picture.*2 \.depth\.png \(.*x\.tar: 0\.depth\.png\), 2 \.seg\.png .*, 2 \.txt/,
      ),
    ]);
  });

  it.each([
    [
      'dots in the key',
      ['22.00.000.png', '22.00.000.cls', '22.00.001.png', '22.00.001.cls'],
      'one picture under the key 22, got 2: 22.00.000.png, 22.00.001.png',
    ],
    ['two formats', ['a.jpg', 'a.png', 'a.cls'], 'one picture under the key a, got 2: a.jpg, a.png'],
    ['two views', ['a.left.jpg', 'a.right.jpg', 'a.cls'], 'got 2: a.left.jpg, a.right.jpg'],
    ['a name twice', ['a.jpg', 'a.jpg', 'a.cls'], 'each file of the key a once, got a.jpg twice'],
  ])('%s: refused', async (_, names, message) => {
    const file = write('x.tar', await tar(...names.map((name) => [name, '1'] as const)));
    await expect(open(file)).rejects.toThrow(
      `x.tar: wanted ${message.startsWith('got') ? 'one picture under the key a, ' : ''}${message}`,
    );
  });

  it('one picture of a longer ending is the picture; keys in folders; labels that stand apart; shards put together', async () => {
    const file = write(
      'x.tar',
      await tar(
        ['a/1.rgb.jpg', 'x'],
        ['b/1.rgb.jpg', 'y'],
        ['a/1.cls', 'A'],
        ['b/1.cls', 'B'],
        ['a/1.rgb.jpg', 'z'],
        ['a/1.cls', 'B'],
      ),
    );
    expect(await read(file)).toEqual(['a/1.rgb.jpg=x=A', 'b/1.rgb.jpg=y=B', 'a/1.rgb.jpg=z=B']);
  });

  it('samples without a picture, and formats that are not read, are counted', async () => {
    const file = write(
      'x.tar',
      await tar(['a.jpg', 'x'], ['a.cls', '0'], ['b.heic', 'x'], ['b.cls', '1'], ['c.png', 'x'], ['c.cls', '1']),
    );
    expect((await open(file)).notes).toEqual([expect.stringMatching(/1 \.heic \(.*b\.heic\), 1 \.cls \(.*b\.cls\)/)]);
  });

  it('a class in another encoding is refused', async () => {
    const file = write('x.tar', await tar(['a.jpg', 'x'], ['a.cls', Buffer.from('p\xe9che', 'latin1')]));
    await expect(open(file)).rejects.toThrow(/x\.tar: a\.cls: wanted a label in UTF-8/);
  });
});

describe('a shard that was cut', () => {
  const whole = () => tar(['a.jpg', 'x'], ['a.cls', '0'], ['b.jpg', 'x'], ['b.cls', '1']);

  it('between entries or within a header is told with its images; within an entry it is refused', async () => {
    const bytes = await whole();
    expect((await open(write('x.tar', bytes))).notes).toBeUndefined();
    const notes = async (length: number) => (await open(write('x.tar', bytes.subarray(0, length)))).notes;
    expect(await notes(4096)).toEqual([
      expect.stringMatching(/x\.tar: it ends at byte 4096 without an end mark.*; 2 images are before that/),
    ]);
    expect(await notes(4096 + 512)).toBeUndefined();
    // Within the header of b.cls, then without its label.
    await expect(notes(3072 + 100)).rejects.toThrow(/1 of 2 images without one/);
    expect(
      (await open(write('y.tar', (await tar(['a.jpg', 'x'], ['b.jpg', 'x'])).subarray(0, 1024 + 100)))).notes,
    ).toEqual([
      expect.stringMatching(/y\.tar: it ends within a header at byte 1024: it was cut; 1 images are before that/),
    ]);
    await expect(notes(3072 + 512)).rejects.toThrow(/an entry of 1 bytes, which is more than the file holds/);
  });

  it('two shards in one file: the second is told', async () => {
    const file = write('x.tar', Buffer.concat([await whole(), await tar(['c.jpg', 'x'], ['c.cls', '0'])]));
    expect((await open(file)).notes).toEqual([
      expect.stringMatching(/another archive or other bytes follow its end mark at byte 4096/),
    ]);
  });
});

describe('Parquet', () => {
  const parquet = (labels: readonly string[]) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'image', data: labels.map((_, i) => new Uint8Array([65 + i])), type: 'BYTE_ARRAY' },
          { name: 'label', data: labels as string[], type: 'STRING' },
        ],
      }),
    );
  const images = (...labels: string[]) => labels.map((label, i) => `00000000${i}.jpg=${'AB'[i]}=${label}`);

  it('written anew under the same name, size and time is unpacked anew', async () => {
    const file = write('x.parquet', parquet(['cat', 'dog']));
    utimesSync(file, 1e9, 1e9);
    expect(await read(file)).toEqual(images('cat', 'dog'));
    const { size, mtimeMs } = statSync(file);
    writeFileSync(file, parquet(['dog', 'cat']));
    utimesSync(file, 1e9, 1e9);
    expect([statSync(file).size, statSync(file).mtimeMs]).toEqual([size, mtimeMs]);
    expect(await read(file)).toEqual(images('dog', 'cat'));
  });

  it('of one name in two folders do not meet in one cache', async () => {
    for (const name of ['one', 'two']) mkdirSync(join(dir, name));
    const cacheDir = join(dir, 'cache');
    const [a, b] = [write('one/x.parquet', parquet(['cat', 'dog'])), write('two/x.parquet', parquet(['dog', 'cat']))];
    expect([await read(a, { cacheDir }), await read(b, { cacheDir })]).toEqual([
      images('cat', 'dog'),
      images('dog', 'cat'),
    ]);
    expect(readdirSync(cacheDir).filter((name) => name.endsWith('.tar'))).toHaveLength(2);
  });

  it('at a place that cannot be written is unpacked elsewhere', async () => {
    const file = write('x.parquet', parquet(['cat', 'dog']));
    // A file where the folder would be: no writing there for any user.
    write('.understudy', '');
    const spareDir = join(dir, 'spare');
    expect(await read(file, { spareDir })).toEqual(images('cat', 'dog'));
    expect(readdirSync(spareDir).sort((a, b) => a.length - b.length)).toEqual([
      expect.stringMatching(/^x\.parquet\.[0-9a-f]{12}\.json$/),
      expect.stringMatching(/^x\.parquet\.[0-9a-f]{24}\.tar$/),
    ]);
    await expect(open(file)).rejects.toThrow(/\.understudy/);
    expect(existsSync(join(spareDir, '.probe'))).toBe(false);
  });
});

it('files of two kinds in one folder are refused', async () => {
  write('x.tar', await tar());
  write('y.parquet', '');
  await expect(open(dir)).rejects.toThrow(/wanted files of one kind, got \.tar and \.parquet/);
});
