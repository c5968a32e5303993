import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ort } from '../../engine/onnxRuntimeNode.ts';
import { buildModel, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { InUse } from '../../formats/disk/lockNode.ts';
import { exportable, exportModel, writeExport } from './exportModel.ts';
import { readBack } from './readBack.ts';
import { inspectModel } from '../models/inspect.ts';
import { loadModelReference } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-export-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A tiny model with weights that are drawn, one of them `spoiled`. */
function tiny(
  name: string,
  settings: object,
  spoiled = (value: number, _name: string, _at: number) => value,
): LoadedModel {
  const model = variantConfig(name, { classes: 3, imageSize: 28, ...settings });
  const network = buildModel(model);
  const weights = new Map(
    modelParams(network).map((spec) => {
      const data = initialValue(spec, 0).map((x, at) => spoiled(x, spec.name, at));
      return [spec.name, { shape: spec.shape, data }] as const;
    }),
  );
  const preprocessing = { imageSize: 28, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
  return { model, network, weights, preprocessing, classes: ['a', 'b', 'c'], path: 'tiny', stored: 'tiny', notes: [] };
}

const VIT = { patchSize: 7, depth: 1, width: 16, heads: 2 };

describe('exportModel', () => {
  it('leaves nothing behind where a file does not compute what the model does', async () => {
    const broken = tiny('vit_pico_patch4', VIT, (x, name) => (name === 'norm.weight' ? Number.NaN : x));
    await expect(exportModel(broken, { out: join(dir, 'broken') })).rejects.toThrow(
      /tiny: wanted finite logits for image 1 of random numbers, got NaN in 3 of 3/,
    );
    // Beyond the largest number of fp16 only: fp32 passes, and is not left behind alone.
    const huge = tiny('vit_pico_patch4', VIT, (x, name, at) =>
      name === 'blocks.0.mlp.fc2.bias' && at === 0 ? 1e5 : x,
    );
    await expect(exportModel(huge, { out: join(dir, 'huge'), dtype: 'fp16,fp32' })).rejects.toThrow(
      /model_fp16\.onnx does not compute .* leave fp16 out of --dtype/,
    );
    expect(readdirSync(dir)).toEqual([]);
    await exportModel(huge, { out: join(dir, 'huge') });
    expect(existsSync(join(dir, 'huge/onnx/model.onnx'))).toBe(true);
  });

  it('writes a ResNet in all kinds, which is read back', async () => {
    const model = tiny('resnet8_small', { widths: [4, 8, 8] });
    const report = await exportModel(model, { out: join(dir, 'resnet'), dtype: 'fp32,fp16,q8' });
    expect(report.checks.map(({ dtype }) => dtype)).toEqual(['fp32', 'fp16', 'q8']);
    expect((await loadModelReference(join(dir, 'resnet'))).weights).toEqual(model.weights);
  });

  it('an earlier export is replaced where that is asked for, and nothing else is', async () => {
    const [model, out] = [tiny('vit_pico_patch4', VIT), join(dir, 'twice')];
    await exportModel(model, { out });
    await expect(exportModel(model, { out })).rejects.toThrow(/got .*README\.md.*replace it with --force$/);
    const other = tiny('resnet8_small', { widths: [4, 8, 8] });
    await exportModel(other, { out, force: true });
    expect((await loadModelReference(out)).weights).toEqual(other.weights);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    await expect(exportModel(model, { out, force: true })).rejects.toThrow(/--force replaces an earlier export alone$/);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it.each([
    [
      'a last block as wide as another model',
      { lastBlocks: [{ width: 24, heads: 3 }] },
      'width 16 (in the last blocks 24)',
    ],
    ['a lift', { lift: 24, pool: 'mean' }, 'width 16 (lifted to 24)'],
  ] as const)('writes a Vision Transformer with %s in all kinds, which is read back', async (_, widths, told) => {
    const model = tiny('vit_pico_patch4', { ...VIT, depth: 2, ...widths });
    const out = join(dir, told);
    const report = await exportModel(model, { out, dtype: 'fp32,fp16,q8' });
    expect(report.checks.map(({ dtype }) => dtype)).toEqual(['fp32', 'fp16', 'q8']);
    const { weights, model: read } = await loadModelReference(out);
    expect([weights, read]).toEqual([model.weights, model.model]);
    const tokens = (await inspectModel(out)).features.find(({ name }) => name === 'tokens')!;
    const shape = (width: number) => ['B', 17, width];
    expect(tokens.shapes).toEqual('lift' in widths ? { '': shape(16) } : { 0: shape(16), 1: shape(24) });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toContain(told);
    expect(card).toContain('more than one width, so it is no plain ViT');
  });

  it('writes a DeiT of three votes in all kinds, which is read back and answers with all three', async () => {
    const votes = { ...VIT, distToken: true, layerScale: 0.1, patchVote: true };
    const model = tiny('vit_pico_patch4', votes);
    const out = join(dir, 'votes');
    const report = await exportModel(model, { out, dtype: 'fp32,fp16,q8' });
    expect(report.checks.map(({ dtype }) => dtype)).toEqual(['fp32', 'fp16', 'q8']);
    const { weights, model: read } = await loadModelReference(out);
    expect([weights, read]).toEqual([model.weights, model.model]);
    const logits = async (path: string) => {
      const session = await ort.InferenceSession.create(path);
      const pixels = new ort.Tensor(
        'float32',
        Float32Array.from({ length: 3 * 784 }, (_, i) => Math.sin(i)),
        [1, 3, 28, 28],
      );
      const found = await session.run({ pixel_values: pixels });
      await session.release();
      return Array.from(found.logits!.data as Float32Array);
    };
    // The same weights with two votes answer otherwise, so that the file has the third in it.
    const two = { ...tiny('vit_pico_patch4', { ...votes, patchVote: false }), weights: model.weights };
    await exportModel(two, { out: join(dir, 'two votes') });
    const [three, both] = [
      await logits(join(out, 'onnx/model.onnx')),
      await logits(join(dir, 'two votes/onnx/model.onnx')),
    ];
    expect(Math.max(...three.map((x, i) => Math.abs(x - both[i]!)))).toBeGreaterThan(1e-4);
  });

  it('of several that write to one folder at once one succeeds, and the folder is whole', async () => {
    const model = tiny('vit_pico_patch4', VIT);
    const out = join(dir, 'raced');
    const ended = await Promise.allSettled([1, 2, 3].map(() => exportModel(model, { out })));
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const one of ended) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(InUse);
    expect(readdirSync(out, { recursive: true }).sort()).toEqual([
      'README.md',
      'config.json',
      'model.safetensors',
      'onnx',
      'onnx/model.onnx',
      'preprocessor_config.json',
    ]);
    expect(readdirSync(dir).filter((name) => name.startsWith('raced'))).toEqual(['raced']);
  });

  it('says success of what the disk gives back alone', async () => {
    const model = exportable(tiny('vit_pico_patch4', VIT));
    const out = join(dir, 'changed');
    const onnx = new Map([['fp32', new Uint8Array(8)]] as const);
    for (const [file, message] of [
      ['model.safetensors', 'got other bytes'],
      ['onnx/model.onnx', 'got other bytes'],
      ['README.md', 'ENOENT'],
    ] as const) {
      await writeExport(out, model, { files: onnx });
      await readBack(out, model, onnx);
      const path = join(out, file);
      if (file === 'README.md') rmSync(path);
      else
        writeFileSync(
          path,
          readFileSync(path).map((byte, at) => (at === statSync(path).size - 3 ? byte ^ 1 : byte)),
        );
      await expect(readBack(out, model, onnx)).rejects.toThrow(message);
    }
  });

  it('refuses kinds of files that there are not', async () => {
    const model = tiny('vit_pico_patch4', VIT);
    await expect(exportModel(model, { out: join(dir, 'no'), dtype: 'fp8' })).rejects.toThrow('Unknown dtype "fp8"');
    await expect(exportModel(model, { out: join(dir, 'no'), dtype: '' })).rejects.toThrow('dtype: wanted one or more');
  });

  it.skipIf(!existsSync('/proc/self'))('gives an error where the system has no room for folders, at once', async () => {
    await expect(exportModel(tiny('vit_pico_patch4', VIT), { out: '/proc/none' })).rejects.toThrow('/proc/none');
  });
});
