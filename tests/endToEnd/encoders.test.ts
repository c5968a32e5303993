import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/tensors/safetensors.ts';
import type { EmbedReport } from '../../src/run/embedding/embed.ts';
import type { Inspection } from '../../src/run/models/inspect.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { jsonIn, refusalsIn, TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);
const COMMON = ['--batch', '8', '--epochs', '2', '--set', 'optim.lr=0.01'];

/** A golden encoder as one downloads it. */
function download(name: string): void {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL(`../golden/foundation/${name}.safetensors`, import.meta.url)),
  );
  const { config, preprocessor } = JSON.parse(metadata.config!) as { config: object; preprocessor: object };
  const state = [...tensors].flatMap(([key, t]) => (key.startsWith('state.') ? [[key.slice(6), t] as const] : []));
  mkdirSync(join(dir, name));
  writeFileSync(join(dir, name, 'model.safetensors'), encodeSafetensors(state));
  writeFileSync(join(dir, name, 'config.json'), JSON.stringify(config));
  writeFileSync(join(dir, name, 'preprocessor_config.json'), JSON.stringify(preprocessor));
}

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  for (const name of ['dinov3', 'clip', 'dinov2Registers']) download(name);
});

describe('an encoder without classes', () => {
  it('is shown by inspect, and its method by doctor', async () => {
    const found = await json<Inspection>('inspect', 'dinov3');
    expect(found).toMatchObject({ family: 'encoder', classes: [], config: { kind: 'dinov3_vit', registers: 4 } });
    expect(found.features.find(({ name }) => name === 'dense')).toMatchObject({ shapes: { '': ['B', 16, 16] } });
    const { stdout } = await understudy(dir, [
      'doctor',
      '--data',
      'data',
      '--teacher',
      'dinov3',
      '--method',
      'embed',
      '--student',
      ...TINY_VIT,
    ]);
    expect(stdout).toContain('the teacher has no classifier: methods that read its embedding or its tokens');
    expect(stdout).toContain('an encoder without BatchNorm statistics');
  });

  it('is refused by methods of logits where it may get no head, with the remedy, and by commands that classify', async () => {
    const student = ['--student', ...TINY_VIT, ...COMMON, '--out', 'never'];
    await refuses(
      ['distill', '--data', 'data', '--teacher', 'clip', ...student, '--method', 'kd', '--set', 'teacher.fitHead=none'],
      2,
      'kd needs teacher.logits; this teacher, an encoder, has',
      'this one with a new head (understudy train --data DIR --init REF)',
    );
    await refuses(['predict', 'clip', 'data'], 2, 'clip: wanted logits, got an encoder without a classifier');
    expect(existsSync(join(dir, 'never'))).toBe(false);
  });

  it('teaches by its embedding, in 8 bits too, and is the start of a classifier', async () => {
    const distill = ['distill', '--data', 'data', '--teacher', 'dinov3', '--student', ...TINY_VIT, ...COMMON];
    const eight = await understudy(dir, [
      ...[...distill, '--method', 'embed', '--set', 'teacher.precision=int8', '--out', 'taught', '--json'],
    ]);
    expect(eight.status, eight.stderr).toBe(0);
    expect(eight.stderr + readFileSync(join(dir, 'taught/metrics.jsonl'), 'utf8')).toMatch(
      /teacher\.precision = (int8 \(in 8 bits its embedding has a mean cosine of 0\.\d+ with float's|fp32 \(none)/,
    );
    const fitted = await json<RunResult>(
      'train',
      '--data',
      'data',
      '--init',
      'dinov2Registers',
      ...COMMON,
      '--out',
      'fit',
    );
    expect(fitted.best!.top1).toBeGreaterThan(0);
    const inspected = await json<Inspection>('inspect', 'fit');
    expect(inspected).toMatchObject({ family: 'encoder', classes: ['blue', 'green', 'red'] });
    await json('export', 'fit', '--out', 'exported');
    await json('eval', 'exported', '--data', 'data');
  });
});

describe('files of answers', () => {
  it('predict writes CSV and JSON lines of a folder, and names what it cannot read', async () => {
    mkdirSync(join(dir, 'mixed'));
    writeFileSync(join(dir, 'mixed/broken.png'), 'no picture');
    writeFileSync(join(dir, 'mixed/good.png'), readFileSync(join(dir, 'data/val/red/0.png')));
    const run = (file: string) => understudy(dir, ['predict', 'fit', 'mixed', '--top', '2', '--out', file]);
    const csv = await run('answers.csv');
    expect([csv.status, csv.stdout]).toEqual([1, 'answers.csv: 1 images\n']);
    expect(csv.stderr).toContain('Cannot read image mixed/broken.png');
    const lines = readFileSync(join(dir, 'answers.csv'), 'utf8').trim().split('\n');
    expect(lines[0]).toBe('image,rank,class,probability');
    expect(lines.slice(1).map((line) => line.split(',').slice(0, 2))).toEqual([
      ['mixed/good.png', '1'],
      ['mixed/good.png', '2'],
    ]);
    await run('answers.jsonl');
    const rows = readFileSync(join(dir, 'answers.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(rows).toEqual([
      { image: 'mixed/broken.png', error: expect.stringContaining('broken.png') as string },
      { image: 'mixed/good.png', top: [expect.anything(), expect.anything()] },
    ]);
    await refuses(
      ['predict', 'fit', 'mixed', '--out', 'answers.txt'],
      2,
      '--out: wanted a file that ends in .csv or .jsonl',
    );
  });

  it('embed writes one row an image of train and val, near-duplicates and a subset', async () => {
    const found = await json<EmbedReport>(
      ...['embed', 'clip', 'data', '--out', 'embedded', '--duplicates', '0.99999', '--subset', '4'],
    );
    const rows = await parquetReadObjects({
      file: await asyncBufferFromFile(join(dir, 'embedded/embeddings.parquet')),
    });
    expect([rows.length, found.width, found.subset!.images]).toEqual([found.images, 10, 4]);
    expect(new Set(rows.map(({ label }) => label as string))).toEqual(new Set(['blue', 'green', 'red']));
    expect(rows.some(({ path }) => (path as string).startsWith('val/'))).toBe(true);
    const chosen = readFileSync(join(dir, 'embedded/subset.txt'), 'utf8').trim().split('\n');
    expect(chosen.every((path) => existsSync(join(dir, 'data', path)))).toBe(true);
    await refuses(['embed', 'clip', 'data', '--out', 'embedded'], 2, 'embedded: wanted a new or empty folder');
    await refuses(['embed', 'clip', 'data', '--out', 'x', '--duplicates', '2'], 2, '--duplicates: wanted a cosine');
    await refuses(
      ['embed', 'clip', 'data', '--out', 'x', '--format', 'npy'],
      2,
      '--format: wanted parquet or safetensors',
    );
  });
});

/** A network that was trained on ImageNet, and photos, where they lie beside the project. */
const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));
const [NETWORK, PHOTOS] = [join(SHARED, 'models/mobilenetV1-025-224/model.onnx'), join(SHARED, 'data/handSigns.tar')];
const THERE = existsSync(NETWORK) && existsSync(PHOTOS);

it.skipIf(!THERE)(
  'embeddings of photos by a trained network: neighbours show the same sign far more often than chance',
  async () => {
    const { mkdtempSync } = await import('node:fs');
    const { execFileSync } = await import('node:child_process');
    const photos = mkdtempSync(join(dir, 'photos-'));
    execFileSync('tar', ['xf', PHOTOS, '-C', photos]);
    const signs = join(photos, 'handSigns');
    // A part is enough: every twelfth photo.
    const part = join(photos, 'part');
    const { readdirSync, cpSync } = await import('node:fs');
    for (const name of readdirSync(signs)) {
      mkdirSync(join(part, name), { recursive: true });
      for (const [i, file] of readdirSync(join(signs, name)).sort().entries())
        if (i % 12 === 0) cpSync(join(signs, name, file), join(part, name, file));
    }
    const found = await json<EmbedReport>(
      'embed',
      NETWORK,
      part,
      '--out',
      'signs',
      '--format',
      'safetensors',
      '--duplicates',
      '0.9',
    );
    const { tensors, metadata } = decodeSafetensors(readFileSync(join(dir, 'signs/embeddings.safetensors')));
    const { data, shape } = tensors.get('embedding')! as { data: Float32Array; shape: readonly number[] };
    const labels = [...(tensors.get('labels')!.data as BigInt64Array)].map(Number);
    expect([shape[0], shape[1], (JSON.parse(metadata.labels!) as string[]).length]).toEqual([found.images, 256, 10]);
    const row = (i: number) => data.subarray(i * 256, (i + 1) * 256);
    const cosine = (a: Float32Array, b: Float32Array) =>
      a.reduce((sum, x, i) => sum + x * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);
    const same = labels.filter((label, i) => {
      const others = labels.map((_, j) => (j === i ? -1 : cosine(row(i), row(j))));
      return labels[others.indexOf(Math.max(...others))] === label;
    });
    // Chance is a tenth.
    expect(same.length / labels.length).toBeGreaterThan(0.5);
  },
);
