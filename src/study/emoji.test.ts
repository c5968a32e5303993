import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeEmojiFolder } from './emojiNode.ts';
import type { Obtain } from './npmPackNode.ts';
import { splitEmoji } from './emojiSplit.ts';
import { npmPack } from './npmPackNode.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'emoji-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const emoji = (unified: string, category: string) => ({ category, unified, image: `${unified.toLowerCase()}.png` });
const LIST = [
  ...Array.from({ length: 10 }, (_, i) => emoji(`1F60${i}`, 'Smileys & Emotion')),
  ...Array.from({ length: 5 }, (_, i) => emoji(`26A${i}`, 'Symbols')),
  emoji('1F3FB', 'Component'),
];

/** A package as npm packs it, with drawings that name their set. */
async function fakePackage(name: string, path: string): Promise<void> {
  const set = name.split('-').at(-1)!;
  const tar = pack();
  tar.entry({ name: 'package/emoji.json' }, JSON.stringify(LIST));
  for (const { image } of LIST) {
    tar.entry({ name: `package/img/${set}/64/${image}` }, `${set} ${image}`);
    tar.entry({ name: `package/img/${set}/sheets/${image}` }, 'a sheet');
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  writeFileSync(path, gzipSync(Buffer.concat(chunks)));
}

const obtain: Obtain = async ({ name }) => {
  const path = join(folder, `${name}.tgz`);
  await fakePackage(name, path);
  return path;
};
const refuse: Obtain = () => Promise.reject(new Error('obtained again'));

it('writes both drawings of every emoji into one half, each category in proportion, and does nothing the next time', async () => {
  const dir = join(folder, 'data/emoji');
  await writeEmojiFolder(dir, 'emoji', obtain);
  const found = (half: string, category: string) => readdirSync(join(dir, half, category)).sort();
  expect(readdirSync(join(dir, 'train'))).toEqual(['Smileys & Emotion', 'Symbols']);
  expect(readdirSync(join(dir, 'val'))).toEqual(['Smileys & Emotion', 'Symbols']);
  expect(found('val', 'Smileys & Emotion')).toHaveLength(4);
  expect(found('train', 'Smileys & Emotion')).toHaveLength(16);
  expect([found('val', 'Symbols').length, found('train', 'Symbols').length]).toEqual([2, 8]);
  for (const half of ['train', 'val'])
    for (const file of found(half, 'Symbols')) {
      const [name, set] = file.replace('.png', '').split('-');
      const other = `${name}-${set === 'google' ? 'twitter' : 'google'}.png`;
      expect(found(half, 'Symbols')).toContain(other);
      expect(readFileSync(join(dir, half, 'Symbols', file), 'utf8')).toBe(`${set} ${name}.png`);
    }
  await writeEmojiFolder(dir, 'emoji', refuse);
});

it('has a third vendor judge: every emoji, none of whose drawings is trained on', async () => {
  const [two, third] = [join(folder, 'third/two'), join(folder, 'third/third')];
  await writeEmojiFolder(two, 'emoji', obtain);
  await writeEmojiFolder(third, 'emojiThird', obtain);
  const files = (dir: string, half: string) =>
    readdirSync(join(dir, half), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.png'))
      .sort();
  const all = [...files(two, 'train'), ...files(two, 'val')].sort();
  expect(files(third, 'train')).toEqual(all);
  expect(files(third, 'val')).toEqual(
    all.filter((name) => name.endsWith('-google.png')).map((name) => name.replace('-google', '-facebook')),
  );
  const [first] = files(third, 'val');
  expect(readFileSync(join(third, 'val', first!), 'utf8')).toMatch(/^facebook /);
});

it('leaves nothing behind where a package is no package', async () => {
  const dir = join(folder, 'emoji');
  const broken: Obtain = async () => {
    writeFileSync(join(folder, 'broken.tgz'), gzipSync('not a tar file'.repeat(100)));
    return join(folder, 'broken.tgz');
  };
  await expect(writeEmojiFolder(dir, 'emoji', broken)).rejects.toThrow(
    /broken\.tgz: wanted an npm package, got: .*delete the file/,
  );
  const empty: Obtain = async () => {
    const tar = pack();
    tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of tar) chunks.push(chunk as Uint8Array);
    writeFileSync(join(folder, 'empty.tgz'), gzipSync(Buffer.concat(chunks)));
    return join(folder, 'empty.tgz');
  };
  await expect(writeEmojiFolder(dir, 'emoji', empty)).rejects.toThrow('wanted a list of emoji in emoji.json');
  expect(existsSync(dir)).toBe(false);
});

it('keeps the forms of one emoji together, and splits the same way each time', () => {
  const people = ['1F3C3', '1F3C4', '1F46E', '1F477', '1F486'].flatMap((point) => [
    emoji(point, 'People & Body'),
    emoji(`${point}-200D-2640-FE0F`, 'People & Body'),
    emoji(`${point}-200D-2642-FE0F`, 'People & Body'),
  ]);
  const cooks = ['1F468', '1F469', '1F9D1'].map((who) => emoji(`${who}-200D-1F373`, 'People & Body'));
  const { train, val } = splitEmoji([...people, ...cooks]);
  expect(val).toHaveLength(3);
  const stems = (half: typeof val) =>
    new Set(half.map(({ unified }) => unified.match(/1F373$/)?.[0] ?? unified.split('-')[0]));
  expect([stems(train).size, stems(val).size]).toEqual([5, 1]);
  expect(splitEmoji([...people, ...cooks]).val).toEqual(val);
});

it('takes a package that is in its folder already, and says what npm lacks', async () => {
  const spec = { name: 'no-such-package', version: '1.2.3' };
  const nowhere = join(folder, 'no-npm-here');
  await expect(npmPack(spec, folder, nowhere)).rejects.toThrow(
    `no-such-package@1.2.3: wanted the package from npm, got: no command ${nowhere}.`,
  );
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'no-such-package-1.2.3.tgz'), 'x');
  expect(await npmPack(spec, folder, nowhere)).toBe(join(folder, 'no-such-package-1.2.3.tgz'));
});
