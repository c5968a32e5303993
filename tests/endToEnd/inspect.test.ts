import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { logitAgreement } from '../../src/analysis/agreement.ts';
import { linearCka, type Rows } from '../../src/analysis/cka.ts';
import { openDataset } from '../../src/data/openDatasetNode.ts';
import { decodeImage } from '../../src/data/images/decodeNode.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { input } from '../../src/graph/build.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import type { Features } from '../../src/models/index.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram } from '../../src/program/program.ts';
import type { Analysis } from '../../src/run/looking/analyse.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';
import { pixelValues } from '../../src/run/datasets/preprocess.ts';
import {
  jsonIn,
  refusalsIn,
  TINY_RESNET,
  temporaryFolder,
  understudy,
  writeClass,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);
const HEADS = 2;
const VIT = ['vit_pico_patch4', '--set', `student.settings={"depth":2,"width":16,"heads":${HEADS}}`];
const COMMON = ['--data', 'data', '--batch', '8', '--set', 'optim.lr=0.01'];

/** The raw features of a model on the validation images, one image at a time. */
async function rawFeatures(ref: string, pick: (features: Features) => Record<string, Tensor>) {
  const model = await loadModelReference(join(dir, ref));
  const engine = ortNode({ threads: 1 });
  const S = model.network.imageSize;
  const outputs = pick(buildFrozen(model.network, input('pixel_values', [1, 3, S, S]), model.weights));
  const compiled = await engine.compile(closeProgram(outputs));
  const into = Object.fromEntries(
    Object.entries(outputs).map(([name, { shape }]) => [name, engine.empty('float32', shape)]),
  );
  const list = (await openDataset(join(dir, 'data'), { seed: 0 })).val;
  const found: Record<string, Float32Array[]> = Object.fromEntries(Object.keys(outputs).map((name) => [name, []]));
  for (const path of list.paths) {
    const pixels = await pixelValues(await decodeImage(join(dir, 'data', path)), model.preprocessing);
    await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, S, S], pixels) }, into);
    for (const [name, rows] of Object.entries(found))
      rows.push(Float32Array.from((await into[name]!.read()) as Float32Array));
  }
  await compiled.dispose();
  const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
  return { found, shapes };
}

const joined = (rows: readonly Float32Array[]): Rows => ({
  width: rows[0]!.length,
  data: Float32Array.from(rows.flatMap((row) => [...row])),
});

/** Mean over positions `from` to `to` of [N,D] (channelsLast) or of [D,N]. */
function pooled(values: Float32Array, D: number, channelsLast: boolean, from = 0): Float32Array {
  const N = values.length / D;
  return Float32Array.from({ length: D }, (_, d) => {
    let sum = 0;
    for (let n = from; n < N; n++) sum += channelsLast ? values[n * D + d]! : values[d * N + n]!;
    return sum / (N - from);
  });
}

/** The attention distance of one head of one image, in pixels, straight from the definition. */
function distanceOf(attention: Float32Array, head: number, side: number, patch: number): number {
  const N = side * side + 1;
  let mean = 0;
  for (let i = 1; i < N; i++) {
    let [far, total] = [0, 0];
    for (let j = 1; j < N; j++) {
      const a = attention[(head * N + i) * N + j]!;
      const [dy, dx] = [Math.floor((i - 1) / side) - Math.floor((j - 1) / side), ((i - 1) % side) - ((j - 1) % side)];
      far += a * patch * Math.hypot(dx, dy);
      total += a;
    }
    mean += far / total / (N - 1);
  }
  return mean;
}

let found: Analysis;

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await json('train', '--model', ...TINY_RESNET, ...COMMON, '--epochs', '3', '--out', 'teacher');
  await json('train', '--model', ...VIT, ...COMMON, '--epochs', '2', '--out', 'student');
  found = await json<Analysis>('inspect', 'student', 'teacher', '--data', 'data');
});

describe('inspect --data', () => {
  it('attention distance is that of the definition over all validation images', async () => {
    const raw = await rawFeatures('student', ({ attention }) => ({ a0: attention![0]!, a1: attention![1]! }));
    const side = Math.sqrt(raw.shapes.a0![2]! - 1);
    const { heads, mean } = found.models[0]!.attentionDistance!;
    ['a0', 'a1'].forEach((name, block) => {
      for (let head = 0; head < HEADS; head++) {
        const each = raw.found[name]!.map((attention) => distanceOf(attention, head, side, 4));
        expect(heads[block]![head]).toBeCloseTo(each.reduce((a, b) => a + b) / 12, 4);
      }
      expect(mean[block]).toBeCloseTo((heads[block]![0]! + heads[block]![1]!) / 2, 9);
    });
    expect(heads[0]![0]).toBeGreaterThan(1);
    expect(found.models[1]!.attentionDistance).toBeNull();
  });

  it('CKA is that of patch tokens and maps pooled one image at a time', async () => {
    const own = await rawFeatures('student', ({ tokens, logits }) => ({ t0: tokens![0]!, t1: tokens![1]!, logits }));
    const other = await rawFeatures('teacher', ({ maps, logits }) => ({ ...maps!, logits }));
    const tokens = (name: string) => joined(own.found[name]!.map((row) => pooled(row, 16, true, 1)));
    const maps = Object.keys(other.found)
      .filter((name) => name !== 'logits')
      .map((name) => joined(other.found[name]!.map((row) => pooled(row, other.shapes[name]![1]!, false))));
    const a = [tokens('t0'), tokens('t1'), joined(own.found.logits!)];
    const table = linearCka(a, [...maps, joined(other.found.logits!)], 12);
    expect(found.cka.rows).toEqual(['block 0', 'block 1', 'logits']);
    expect(found.cka.columns).toEqual(['stem', 's1', 's2', 's3', 'logits']);
    for (const kind of ['biased', 'unbiased'] as const)
      for (const [i, row] of found.cka[kind].entries())
        for (const [j, value] of row.entries()) expect(value).toBeCloseTo(table[kind][i]![j]!, 3);
    const kl = logitAgreement(joined(own.found.logits!).data, joined(other.found.logits!).data, 3);
    expect(found.agreement!.top1).toBe(kl.top1);
    expect(found.agreement!.kl).toBeCloseTo(kl.kl, 4);
  });

  it('accuracies are those of eval', async () => {
    for (const [i, ref] of ['student', 'teacher'].entries())
      expect(found.models[i]!.top1).toBe((await json<{ top1: number }>('eval', ref, '--data', 'data')).top1);
  });

  it('matches the classes of two models by name', async () => {
    cpSync(join(dir, 'teacher/model'), join(dir, 'renamed'), { recursive: true });
    const config = JSON.parse(readFileSync(join(dir, 'renamed/config.json'), 'utf8')) as { id2label: object };
    writeFileSync(
      join(dir, 'renamed/config.json'),
      JSON.stringify({ ...config, id2label: { 0: 'green', 1: 'blue', 2: 'red' } }),
    );
    const { found: raw } = await rawFeatures('teacher', ({ logits }) => ({ logits }));
    const reds = raw.logits!.filter((row) => row[2]! > Math.max(row[0]!, row[1]!)).length;
    const swapped = raw.logits!.map((row) => Float32Array.of(row[1]!, row[0]!, row[2]!));
    const two = await json<Analysis>('inspect', 'teacher', 'renamed', '--data', 'data', '--out', 'swapped');
    expect(two.agreement!.top1).toBeCloseTo(reds / 12, 9);
    expect(two.agreement!.kl).toBeCloseTo(logitAgreement(joined(raw.logits!).data, joined(swapped).data, 3).kl, 4);
    expect(two.models[1]!.top1).not.toBe(two.models[0]!.top1);
  });

  it('writes pictures and the numbers that it prints', async () => {
    const files = ['attentionDistance.svg', 'cka.svg', 'attention-1.png', 'analysis.json'];
    expect(found.files).toEqual(files.map((name) => join('inspect-student', name)));
    expect(JSON.parse(readFileSync(join(dir, 'inspect-student/analysis.json'), 'utf8'))).toEqual(found);
    const svg = readFileSync(join(dir, 'inspect-student/attentionDistance.svg'), 'utf8');
    for (const value of found.models[0]!.attentionDistance!.heads.flat())
      expect(svg).toContain(`${value.toFixed(2)} px`);
    const cka = readFileSync(join(dir, 'inspect-student/cka.svg'), 'utf8');
    expect(cka).toContain(`block 1 - s2: ${found.cka.unbiased[1]![2]!.toFixed(2)}`);
    // Four panels: the input, the mean and two heads.
    const { width, height } = await sharp(join(dir, 'inspect-student/attention-1.png')).metadata();
    expect(width! / height!).toBeGreaterThan(3);
    expect(existsSync(join(dir, 'inspect-student/attention-2.png'))).toBe(false);
  });

  it("the class token's attention is that of the chosen image", async () => {
    const image = 'data/val/red/2.png';
    const one = await json<Analysis>(
      'inspect',
      'student',
      '--data',
      'data',
      '--images',
      '4',
      '--image',
      image,
      '--out',
      'one',
    );
    const raw = await rawFeatures('student', ({ attention }) => ({ last: attention![1]! }));
    const at = (await openDataset(join(dir, 'data'), { seed: 0 })).val.paths.indexOf('val/red/2.png');
    const N = raw.shapes.last![2]!;
    const { heads, mean, image: named } = one.models[0]!.classAttention!;
    expect([named, one.images, one.agreement]).toEqual([image, 4, null]);
    heads.forEach((head, h) => {
      const want = raw.found.last![at]!.subarray(h * N * N + 1, h * N * N + N);
      head.forEach((value, j) => void expect(value).toBeCloseTo(want[j]!, 6));
    });
    mean.forEach((value, j) => void expect(value).toBeCloseTo((heads[0]![j]! + heads[1]![j]!) / 2, 9));
    expect(one.cka.rows).toEqual(one.cka.columns);
    one.cka.biased.forEach((row, i) => void expect(row[i]).toBeCloseTo(1, 9));
  });

  it('needs no labels, leaves out what cannot be read and compares models of other classes as far as it can', async () => {
    await writeClass(dir, 'green', 6);
    writeFileSync(join(dir, 'green/3.png'), 'no image');
    await writeDataset(join(dir, 'two'), ['green', 'red']);
    await json('train', '--model', ...TINY_RESNET, '--data', 'two', '--epochs', '1', '--out', 'other');
    const flat = await json<Analysis>('inspect', 'other', 'student', '--data', 'green', '--out', 'flat');
    expect(flat).toMatchObject({ images: 5, agreement: null, models: [{ top1: null }, { top1: null }] });
    expect(flat.skipped.map(({ path }) => path)).toEqual(['3.png']);
    expect(flat.files.map((path) => path.slice(5))).toContain('attention-2.png');
    expect(flat.files.map((path) => path.slice(5))).not.toContain('attention-1.png');
  });

  it('prints a short table', async () => {
    const { stdout, status } = await understudy(dir, [
      'inspect',
      'student',
      'teacher',
      '--data',
      'data',
      '--out',
      'table',
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`block 1 +${found.models[0]!.attentionDistance!.mean[1]!.toFixed(2)} +heads`));
    expect(stdout).toContain(`${(100 * found.agreement!.top1).toFixed(2)} %`);
    expect(stdout).toContain('it has no attention');
  });

  it('refuses what has no meaning without images, and too few of them', async () => {
    await refuses(['inspect', 'student', 'teacher'], 2, 'a second model (teacher) needs images', 'add --data DIR');
    await refuses(['inspect', 'student', '--image', 'data/val/red/2.png'], 2, '--image needs images');
    await refuses(['inspect', 'student', '--data', 'data', '--images', '3'], 2, 'wanted a whole number from 4 on');
    await refuses(['inspect', 'student', '--data', 'data', '--image', 'none.png'], 2, 'none.png');
  });
});
