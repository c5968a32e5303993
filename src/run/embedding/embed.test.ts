import {
  copyFileSync,
  cpSync,
  utimesSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import sharp from 'sharp';
import { afterAll, expect, it } from 'vitest';
import { ortNode } from '../../engine/ortNode.ts';
import { decodeSafetensors } from '../../formats/tensors/safetensors.ts';
import { input } from '../../graph/build.ts';
import { buildModel, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { buildFrozen, modelParams } from '../../program/evalProgram.ts';
import { closeProgram } from '../../program/program.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import { pixelValues } from '../datasets/preprocess.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { embedImages } from './embed.ts';
import { RowsFile, unitRows } from './rowsFile.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-embed-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function tinyModel(): LoadedModel {
  const model = variantConfig('vit_pico_patch4', { imageSize: 8, width: 8, depth: 1, heads: 2, classes: 0 });
  const network = buildModel(model);
  const weights = new Map(
    modelParams(network).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 3) }]),
  );
  const preprocessing = { imageSize: 8, mean: [0.5, 0.5, 0.5], std: [0.1, 0.1, 0.1], evalCropRatio: 1 } as const;
  return { model, network, weights, preprocessing, classes: [], path: 'tiny', stored: 'tiny', notes: [] };
}

async function photo(path: string, seed: number): Promise<void> {
  const pixels = Buffer.from(
    Array.from({ length: 8 * 8 * 3 }, (_, i) => Math.round(127 + 120 * Math.sin(i * (seed + 1)))),
  );
  await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toFile(path);
}

const data = join(root, 'photos');
for (const name of ['cat', 'dog']) mkdirSync(join(data, name), { recursive: true });
await Promise.all([0, 1, 2, 3].map((i) => photo(join(data, i % 2 === 0 ? 'cat' : 'dog', `${i}.png`), i)));
await photo(join(data, 'dog', 'copy.png'), 0);
writeFileSync(join(data, 'dog', 'broken.png'), 'no picture');
const PATHS = ['cat/0.png', 'cat/2.png', 'dog/1.png', 'dog/3.png', 'dog/copy.png'];

/** The embedding of one image, computed alone. */
async function alone(model: LoadedModel, path: string): Promise<number[]> {
  const engine = ortNode({ threads: 1 });
  const features = buildFrozen(model.network, input('pixel_values', [1, 3, 8, 8]), model.weights);
  const compiled = await engine.compile(closeProgram({ embedding: features.embedding! }));
  const embedding = engine.empty('float32', [1, 8]);
  const pixels = pixelValues(await decodeImage(join(data, path)), model.preprocessing);
  await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, 8, 8], pixels) }, { embedding });
  return [...((await embedding.read()) as Float32Array)];
}

it('writes the embedding of each readable image with its class as Parquet, near-duplicates and a covering subset', async () => {
  const model = tinyModel();
  const out = join(root, 'parquet');
  const report = await embedImages(model, data, { out, duplicates: 0.9999, subset: 3 });
  expect(report).toMatchObject({ images: 5, width: 8, duplicates: { pairs: 1 }, subset: { images: 3 } });
  expect(report.skipped.map(({ path }) => path)).toEqual(['dog/broken.png']);
  expect(readdirSync(out).sort()).toEqual(['duplicates.csv', 'embeddings.parquet', 'subset.txt']);
  const file = await asyncBufferFromFile(join(out, 'embeddings.parquet'));
  const rows = (await parquetReadObjects({ file })) as { path: string; label: string; embedding: number[] }[];
  expect(rows.map(({ path, label }) => [path, label])).toEqual(PATHS.map((path) => [path, path.split('/')[0]]));
  for (const { path, embedding } of rows)
    for (const [i, value] of (await alone(model, path)).entries()) expect(embedding[i]).toBeCloseTo(value, 5);
  const { key_value_metadata } = await parquetMetadataAsync(file);
  expect(key_value_metadata).toContainEqual({ key: 'understudy.model', value: 'tiny' });
  expect(readFileSync(join(out, 'duplicates.csv'), 'utf8')).toBe('a,b,cosine\ncat/0.png,dog/copy.png,1.000000\n');
  const chosen = readFileSync(join(out, 'subset.txt'), 'utf8').trim().split('\n');
  expect(new Set(chosen).size).toBe(3);
  expect(chosen.includes('cat/0.png') && chosen.includes('dog/copy.png')).toBe(false);
  await expect(embedImages(model, data, { out })).rejects.toThrow(/wanted a new or empty folder.*Choose another --out/);
});

it('writes safetensors, and goes on where it was interrupted', async () => {
  const model = tinyModel();
  const out = join(root, 'safetensors');
  const stop = new Error('stopped');
  const interrupted = embedImages(model, data, {
    out,
    duplicates: 0.5,
    onProgress: (what) => {
      if (what === 'compared') throw stop;
    },
  });
  await expect(interrupted).rejects.toThrow(stop);
  expect(readdirSync(out)).toEqual(['unfinished']);
  let [done, computed] = [-1, 0];
  const report = await embedImages(model, data, {
    out,
    format: 'safetensors',
    onStart: (about) => {
      done = about.done;
    },
    onProgress: () => void computed++,
  });
  expect([done, computed]).toEqual([6, 0]);
  expect(report.skipped).toEqual([{ path: 'dog/broken.png', reason: 'it could not be read before the interruption' }]);
  expect(existsSync(join(out, 'unfinished'))).toBe(false);
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(out, 'embeddings.safetensors')));
  expect(tensors.get('embedding')!.shape).toEqual([5, 8]);
  expect(Buffer.from(tensors.get('paths')!.data as Uint8Array).toString()).toBe(
    PATHS.map((path) => `${path}\0`).join(''),
  );
  expect([...(tensors.get('labels')!.data as BigInt64Array)]).toEqual([0n, 0n, 1n, 1n, 1n]);
  expect(JSON.parse(metadata.labels!)).toEqual(['cat', 'dog']);
  const last = [...(tensors.get('embedding')!.data as Float32Array)].slice(-8);
  for (const [i, value] of (await alone(model, 'dog/copy.png')).entries()) expect(last[i]).toBeCloseTo(value, 5);
});

it('begins anew where the embeddings that are there are of something else, and drops a row that was cut short', async () => {
  const dir = join(root, 'rows');
  const file = await RowsFile.open(dir, 'one', 2);
  file.append(Float32Array.of(3, 4, Number.NaN, Number.NaN, 0, 2));
  file.close();
  writeFileSync(join(dir, 'rows.f32'), readFileSync(join(dir, 'rows.f32')).subarray(0, 22));
  const again = await RowsFile.open(dir, 'one', 2);
  expect(again.count).toBe(2);
  again.append(Float32Array.of(0, 5));
  const places = again.readable();
  expect([...places]).toEqual([0, 2]);
  for (const held of [undefined, 0]) {
    const rows = unitRows(again, places, held);
    expect([...rows.read(0, 2)].map((x) => Number(x.toFixed(6)))).toEqual([0.6, 0.8, 0, 1]);
    expect([...rows.read(1, 2)]).toEqual([0, 1]);
  }
  again.close();
  const other = await RowsFile.open(dir, 'two', 2);
  expect(other.count).toBe(0);
  other.close();
});

it('begins anew where an image has changed since the interruption', async () => {
  const changed = join(root, 'changed');
  cpSync(data, changed, { recursive: true });
  const [model, out] = [tinyModel(), join(root, 'anew')];
  const stop = new Error('stopped');
  const call = (done: number[], end?: Error) =>
    embedImages(model, changed, {
      out,
      duplicates: 0.5,
      onStart: (about) => void done.push(about.done),
      onProgress: (what) => {
        if (end && what === 'compared') throw end;
      },
    });
  const done: number[] = [];
  await expect(call(done, stop)).rejects.toThrow(stop);
  await expect(call(done, stop)).rejects.toThrow(stop);
  copyFileSync(join(changed, PATHS[0]!), join(changed, PATHS[2]!));
  utimesSync(join(changed, PATHS[2]!), 1, 1);
  await call(done);
  expect(done).toEqual([0, 6, 0]);
});
