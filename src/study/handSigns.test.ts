import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeHandSignsFolder } from './handSignsNode.ts';
import { splitByPerson } from './handSignsSplit.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-signs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Ten people show 0 to 2, in turn; the names go on counting. */
const PHOTOS = Array.from({ length: 30 }, (_, i) => ({ label: String(i % 3), name: `IMG_${2000 + i}.jpg` }));

async function archiveOf(names: readonly string[]): Promise<string> {
  const tar = pack();
  for (const name of names) tar.entry({ name }, `the photo ${name}`);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  const path = join(folder, 'handSigns.tar');
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

const names = (photos: readonly { name: string }[]) => photos.map(({ name }) => Number(name.slice(4, 8)) - 2000);

it('a run of rising signs is a person: of five the last is for the test, the one before it to choose by', () => {
  const { train, inner, test } = splitByPerson([...PHOTOS].reverse());
  expect(names(test)).toEqual([12, 13, 14, 27, 28, 29]);
  expect(names(inner)).toEqual([9, 10, 11, 24, 25, 26]);
  expect(names(train)).toHaveLength(18);
});

it('a sign that broke off a run of one person does not begin another', () => {
  const photos = [
    { label: '3', name: 'IMG_1166.jpg' },
    { label: '2', name: 'IMG_1167.jpg' },
    { label: '1', name: 'IMG_1168.jpg' },
  ];
  const more = Array.from({ length: 4 }, (_, i) => ({ label: '0', name: `IMG_${1169 + i}.jpg` }));
  const { inner, test } = splitByPerson([...photos, ...more]);
  expect([inner, test].map((part) => part.map(({ name }) => name))).toEqual([['IMG_1170.jpg'], ['IMG_1171.jpg']]);
});

it('writes both folders, whose test photos no inner folder has', async () => {
  const dir = join(folder, 'data/handSigns');
  const archive = await archiveOf(PHOTOS.map(({ label, name }) => `handSigns/${label}/${name}`));
  await writeHandSignsFolder(dir, [join(folder, 'none.tar'), archive]);
  const of = (root: string, part: string) =>
    ['0', '1', '2'].flatMap((label) => readdirSync(join(root, part, label))).map((name) => Number(name.slice(4, 8)));
  expect(of(dir, 'test').sort()).toEqual([2012, 2013, 2014, 2027, 2028, 2029]);
  expect(of(dir, 'train')).toHaveLength(24);
  expect(of(`${dir}-inner`, 'val').sort()).toEqual([2009, 2010, 2011, 2024, 2025, 2026]);
  expect(of(`${dir}-inner`, 'train')).toHaveLength(18);
  expect(readFileSync(join(dir, 'train/1/IMG_2001.jpg'), 'utf8')).toBe('the photo handSigns/1/IMG_2001.jpg');
  rmSync(archive);
  await writeHandSignsFolder(dir, [archive]);
});

it('says where the photos are wanted, and names an archive without any', async () => {
  const dir = join(folder, 'handSigns');
  await expect(writeHandSignsFolder(dir, [join(folder, 'none.tar')])).rejects.toThrow(
    /none\.tar, got no such file.*pack/,
  );
  await expect(writeHandSignsFolder(dir, [await archiveOf(['readme.txt'])])).rejects.toThrow(
    /handSigns\.tar.*got none/,
  );
  const cut = join(folder, 'cut.tar');
  writeFileSync(cut, Buffer.alloc(700, 1));
  await expect(writeHandSignsFolder(dir, [cut])).rejects.toThrow(/cut\.tar: wanted a tar file/);
  expect(existsSync(dir)).toBe(false);
});
