import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { openDataset } from '../openDatasetNode.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Empty files: opening a data set reads names only. */
function touch(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), '');
  }
}

const open = (options = {}) => openDataset(dir, { seed: 1, ...options });
const numbered = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}/${i}.png`);

async function errorOf(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('no error was thrown');
}

describe('layouts', () => {
  it.each(['val', 'valid', 'validation', 'test'])('train/<class> with %s/<class>', async (val) => {
    touch('train/dog/1.jpg', 'train/cat/2.png', 'train/Zebra/3.webp', `${val}/dog/4.jpg`);
    const set = await open();
    expect(set.classes).toEqual(['Zebra', 'cat', 'dog']);
    expect(set.train.paths).toEqual(['train/Zebra/3.webp', 'train/cat/2.png', 'train/dog/1.jpg']);
    expect([...set.train.labels]).toEqual([0, 1, 2]);
    expect(set.val.paths).toEqual([`${val}/dog/4.jpg`]);
    expect([...set.val.labels]).toEqual([2]);
    expect([set.train.root, set.splitSource]).toEqual([dir, 'folders']);
  });

  it('takes val before test', async () => {
    touch('train/a/1.jpg', 'train/b/1.jpg', 'test/a/1.jpg', 'val/b/1.jpg');
    expect((await open()).val.paths).toEqual(['val/b/1.jpg']);
  });

  it('<class>/* is split by the seed', async () => {
    touch(...numbered('a', 20), ...numbered('b', 10));
    const set = await open({ valFraction: 0.2 });
    expect(set.splitSource).toBe('seeded');
    expect(set.classes).toEqual(['a', 'b']);
    expect([...set.val.labels]).toEqual([0, 0, 0, 0, 1, 1]);
    expect(set.train.paths.length).toBe(24);
    expect((await open({ valFraction: 0.2 })).val.paths).toEqual(set.val.paths);
    expect((await open({ valFraction: 0.2, seed: 2 })).val.paths).not.toEqual(set.val.paths);
  });

  it('train/<class> alone is split by the seed', async () => {
    touch(...numbered('train/a', 20), ...numbered('train/b', 10));
    const set = await open();
    expect([set.splitSource, [...set.val.labels]]).toEqual(['seeded', [0, 0, 1]]);
    expect(Object.keys(set).sort()).toEqual(['classes', 'splitSource', 'train', 'val']);
  });

  it('a class may be called train', async () => {
    touch(...numbered('train', 5), ...numbered('bus', 5));
    expect((await open()).classes).toEqual(['bus', 'train']);
  });

  it('flat images are unlabelled', async () => {
    touch('b.JPG', 'a.jpeg', ...Array.from({ length: 8 }, (_, i) => `c${i}.gif`));
    const set = await open();
    expect(set.classes).toEqual([]);
    expect([...set.train.labels, ...set.val.labels]).toEqual(new Array(10).fill(-1));
    expect([...set.train.paths, ...set.val.paths].sort()[0]).toBe('a.jpeg');
    expect(set.val.paths.length).toBe(1);
  });

  it('takes nested folders and links, every extension, and no hidden or other file', async () => {
    const names = ['1.jpg', '2.jpeg', '3.PNG', '4.webp', '5.bmp', '6.gif', '7.tiff', '8.tif', '9.AVIF'];
    touch(...names.map((name) => `a/${name}`), 'a/x.txt', 'a/.h.jpg', 'a/.git/h.jpg', 'a/noext', '.hidden/1.jpg');
    touch('b/deep/er/1.jpg', 'b/0.jpg', 'readme.md');
    symlinkSync(join(dir, 'b'), join(dir, 'b', 'again'));
    symlinkSync(join(dir, 'a', '1.jpg'), join(dir, 'b', 'link.jpg'));
    const set = await open({ valFraction: 0 });
    const want = [...names.map((name) => `a/${name}`), 'b/0.jpg', 'b/deep/er/1.jpg', 'b/link.jpg'];
    expect(set.train.paths).toEqual(want);
  });

  it('keeps links that lead nowhere as images that will be bad, and drops those without an image name', async () => {
    touch('a/1.jpg', 'b/1.jpg');
    symlinkSync('gone.jpg', join(dir, 'a', 'dead.jpg'));
    symlinkSync('loop.jpg', join(dir, 'a', 'loop.jpg'));
    symlinkSync('loop', join(dir, 'b', 'loop'));
    expect((await open({ valFraction: 0 })).train.paths).toEqual(['a/1.jpg', 'a/dead.jpg', 'a/loop.jpg', 'b/1.jpg']);
  });

  it('keeps at most `limit` images of each part, all classes among them', async () => {
    touch(...numbered('train/a', 30), ...numbered('train/b', 3), ...numbered('val/a', 9));
    const set = await open({ limit: 6 });
    expect([set.train.paths.length, set.val.paths.length]).toEqual([6, 6]);
    expect(new Set(set.train.labels)).toEqual(new Set([0, 1]));
  });
});

describe('errors', () => {
  it('a missing folder', async () => {
    expect(await errorOf(() => openDataset(join(dir, 'nowhere'), { seed: 1 }))).toMatch(
      /nowhere: wanted a folder.*nothing/,
    );
  });

  it('a file', async () => {
    touch('images.zip');
    expect(await errorOf(() => openDataset(join(dir, 'images.zip'), { seed: 1 }))).toMatch(
      /images\.zip: .*got another file/,
    );
  });

  it('no images at all, flat and in class folders', async () => {
    touch('notes.txt');
    expect(await errorOf(open)).toContain('got no image at all');
    touch('a/x.txt', 'b/y.txt');
    expect(await errorOf(open)).toContain('got no image at all');
    touch('train/a/x.txt');
    expect(await errorOf(open)).toContain('got no image at all');
  });

  it('an empty class folder is named', async () => {
    touch('a/1.jpg', 'b/1.txt', 'c/1.jpg');
    mkdirSync(join(dir, 'd'));
    expect(await errorOf(open)).toContain('got none in "b", "d"');
  });

  it('one class only', async () => {
    touch('cat/1.jpg', 'cat/2.jpg');
    expect(await errorOf(open)).toMatch(/^One class only: .*"cat"/);
  });

  it('classes of val that train lacks are named', async () => {
    touch('train/a/1.jpg', 'train/b/1.jpg', 'val/a/1.jpg', 'val/c/1.jpg', 'val/d/1.jpg');
    expect(await errorOf(open)).toMatch(/val: .*got "c", "d", not among "a", "b"/);
  });

  it('val without images', async () => {
    touch('train/a/1.jpg', 'train/b/1.jpg', 'val/a/x.txt');
    expect(await errorOf(open)).toMatch(/val: wanted images.*Delete val\//);
  });

  it('train and val without class folders', async () => {
    touch('train/1.jpg', 'val/1.jpg');
    expect(await errorOf(open)).toMatch(/train: wanted class folders/);
  });

  it('a folder that cannot be read', async () => {
    symlinkSync('loop', join(dir, 'loop'));
    expect(await errorOf(() => openDataset(join(dir, 'loop'), { seed: 1 }))).toMatch(/loop: .*can be read, got ELOOP/);
  });

  it('a valFraction outside 0..1', async () => {
    touch('a/1.jpg', 'b/1.jpg');
    expect(await errorOf(() => open({ valFraction: 1 }))).toContain(
      'valFraction: wanted a number from 0 up to 1, got 1',
    );
  });
});
