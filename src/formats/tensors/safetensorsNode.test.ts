import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeSafetensors, type SafetensorsTensor } from './safetensors.ts';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from './safetensorsNode.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const tensors: [string, SafetensorsTensor][] = [
  ['flags', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['weight', { dtype: 'F32', shape: [2, 1], data: Float32Array.of(0.5, -4) }],
];

test('a file holds the encoded bytes and reads back', async () => {
  const path = join(dir, 'm.safetensors');
  await writeSafetensors(path, tensors, { step: '7' });
  expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors, { step: '7' }));
  const { tensors: read, metadata } = await readSafetensors(path);
  expect([...read]).toEqual(tensors);
  expect(metadata).toEqual({ step: '7' });
  expect(await readdir(dir)).toEqual(['m.safetensors']);
});

test('the header alone gives names, shapes and offsets', async () => {
  const path = join(dir, 'm.safetensors');
  await writeSafetensors(path, tensors);
  expect((await readSafetensorsHeader(path)).entries).toEqual([
    { name: 'flags', dtype: 'BOOL', shape: [3], begin: 8, end: 11 },
    { name: 'weight', dtype: 'F32', shape: [2, 1], begin: 0, end: 8 },
  ]);
});

test('a missing file, a folder and a damaged file are errors that name the path', async () => {
  const path = join(dir, 'm.safetensors');
  await expect(readSafetensors(path)).rejects.toThrow(`${path}: wanted to read it, got ENOENT: no such file`);
  await expect(readSafetensors(dir)).rejects.toThrow(`${dir}: wanted safetensors, got a folder`);
  await writeFile(path, 'version https://git-lfs.github.com/spec/v1\n');
  await expect(readSafetensors(path)).rejects.toThrow(`${path}: header length: wanted at most 16000000 bytes`);
});

test('a sparse file of a terabyte with a false header is refused without reading or allocating it', async () => {
  const path = join(dir, 'm.safetensors');
  await writeSafetensors(path, tensors);
  await truncate(path, 2 ** 40);
  const start = performance.now();
  await expect(readSafetensors(path)).rejects.toThrow('data: wanted 11 bytes, as the header says, got 10995');
  expect(performance.now() - start).toBeLessThan(500);
});
