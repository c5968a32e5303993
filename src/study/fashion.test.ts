import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeBmp } from '../data/images/bmp.ts';
import { writeFashionFolder } from './fashionNode.ts';
import { greyBmp } from './greyBmp.ts';
import { parseIdx } from './idx.ts';

let folder: string;
let source: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-fashion-'));
  source = join(folder, 'source');
  mkdirSync(source);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const idx = (shape: readonly number[], values: readonly number[]): Uint8Array => {
  const bytes = Buffer.alloc(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, 8, shape.length]);
  for (const [i, size] of shape.entries()) bytes.writeUInt32BE(size, 4 + 4 * i);
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
};
const keep = (name: string, bytes: Uint8Array) => writeFileSync(join(source, name), gzipSync(bytes));

/** Two images of 2 x 3, then one. */
function writeSource(labels = [9, 0]): void {
  keep('train-images-idx3-ubyte.gz', idx([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]));
  keep('train-labels-idx1-ubyte.gz', idx([labels.length], labels));
  keep('t10k-images-idx3-ubyte.gz', idx([1, 2, 3], [9, 8, 7, 6, 5, 4]));
  keep('t10k-labels-idx1-ubyte.gz', idx([1], [6]));
}
const greys = (path: string) => {
  const { data, width, height } = decodeBmp(readFileSync(path));
  return { width, height, greys: [...data.filter((_, i) => i % 3 === 0)] };
};

it('writes each image into the folder of its class, the test images apart, and leaves a folder that is there alone', async () => {
  writeSource();
  const dir = join(folder, 'data/fashion');
  await writeFashionFolder(dir, source);
  expect(readdirSync(join(dir, 'train'))).toHaveLength(10);
  expect(greys(join(dir, 'train/ankle-boot/00000.bmp'))).toEqual({ width: 3, height: 2, greys: [1, 2, 3, 4, 5, 6] });
  expect(greys(join(dir, 'train/t-shirt/00001.bmp')).greys).toEqual([7, 8, 9, 10, 11, 255]);
  expect(greys(join(dir, 'test/shirt/00000.bmp')).greys).toEqual([9, 8, 7, 6, 5, 4]);
  rmSync(source, { recursive: true });
  await writeFashionFolder(dir, source);
});

it('says what to install where the files are missing, and which file is damaged', async () => {
  const dir = join(folder, 'fashion');
  await expect(writeFashionFolder(dir, source)).rejects.toThrow(
    /wanted .*train-images-idx3-ubyte\.gz .*apt-get install/,
  );
  writeSource([9]);
  await expect(writeFashionFolder(dir, source)).rejects.toThrow(/wanted as many images .* got 2 x 2 x 3 and 1/);
  writeSource([9, 10]);
  await expect(writeFashionFolder(dir, source)).rejects.toThrow(/train-labels.*wanted labels from 0 to 9, got 10/);
  writeFileSync(join(source, 'train-labels-idx1-ubyte.gz'), 'no gzip');
  await expect(writeFashionFolder(dir, source)).rejects.toThrow(/train-labels.*wanted a gzip file/);
  expect(existsSync(dir)).toBe(false);
});

it('an idx file of other values, or cut short, is refused with its name', () => {
  expect(parseIdx(idx([2, 2], [1, 2, 3, 4]), 'a.gz')).toEqual({ shape: [2, 2], data: Buffer.from([1, 2, 3, 4]) });
  expect(() => parseIdx(new Uint8Array(0), 'a.gz')).toThrow(/a\.gz: wanted an idx file.*no bytes/);
  expect(() => parseIdx(Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 0), 'a.gz')).toThrow('it begins 00000d01');
  expect(() => parseIdx(idx([3], [1, 2]), 'a.gz')).toThrow('wanted 11 bytes for 3, got 10');
});

it('a grey bitmap is read back as it was, rows that are no multiple of 4 included', () => {
  const pixels = Uint8Array.from({ length: 35 }, (_, i) => i * 7);
  const { data, width, height } = decodeBmp(greyBmp(pixels, 5, 7));
  expect([width, height]).toEqual([5, 7]);
  expect([...data]).toEqual([...pixels].flatMap((grey) => [grey, grey, grey]));
});
