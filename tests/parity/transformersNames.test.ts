import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/reference.ts';
import { readForeignModel } from '../../src/formats/foreignModelNode.ts';
import { readModelFolder } from '../../src/formats/modelFolderNode.ts';
import type { SavedModel } from '../../src/formats/savedModel.ts';
import type { Weight } from '../../src/formats/tensors/weight.ts';
import { plainVit } from '../../src/formats/plainVit.ts';
import { readSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import { fromTransformers, isPlain, toTransformers } from '../../src/formats/transformersNames.ts';
import { ndArray } from '../../src/graph/ndArray.ts';
import { modelConfigSchema } from '../../src/models/index.ts';
import { networkOf } from '../../src/onnx/network.ts';
import { frozenProgram } from '../../src/program/evalProgram.ts';
import { writeExport } from '../../src/run/exporting/exportModel.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-names-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const weightsOf = (golden: Golden): Map<string, Weight> =>
  new Map(
    [...golden.group('param.')].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );

function logits({ model, weights }: SavedModel, pixels: { shape: readonly number[]; data: ArrayLike<number> }) {
  const program = frozenProgram(networkOf(model), weights, pixels.shape[0]!);
  const feeds = new Map([['pixel_values', ndArray(pixels.shape, Float64Array.from(pixels.data))]]);
  return evaluate([...program.outputs.values()], feeds)[0]!.data;
}

const preprocessing = { imageSize: 12, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;

describe.each(['vit', 'deit'])("transformers' names: %s", (kind) => {
  const golden = readGolden(`transformers/${kind}`);
  const { case: _, ...config } = golden.config;
  const model = modelConfigSchema.parse({ family: 'vit', ...config });
  const theirs = weightsOf(golden);
  const classes = ['a', 'b', 'c', 'd', 'e'];
  const saved = { model, classes, preprocessing, weights: fromTransformers(model, theirs) };

  it("weights under them give PyTorch's logits", () => {
    expectClose('logits', logits(saved, golden.get('input.pixels')), golden.get('logits'), 1e-6);
  });

  it('to their names and back is the identity, both ways', () => {
    expect(toTransformers(model, saved.weights)).toEqual(theirs);
    expect(fromTransformers(model, toTransformers(model, saved.weights))).toEqual(saved.weights);
    // Names of our own stay: a checkpoint has them.
    expect(fromTransformers(model, saved.weights)).toBe(saved.weights);
  });

  it('an export whose config says nothing of Understudy is read as a model of transformers', async () => {
    const folder = join(dir, `${kind}-bare`);
    await writeExport(folder, saved);
    const path = join(folder, 'config.json');
    const { understudy: _, ...plain } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(plain));
    const { weights, model: found } = await readForeignModel(folder);
    expect(weights).toEqual(saved.weights);
    expect(found).toEqual(model);
  });

  it('an export has exactly these names, shapes and values, and is read back', async () => {
    const folder = join(dir, kind);
    await writeExport(folder, saved);
    const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
    expect([...tensors.keys()].sort()).toEqual([...theirs.keys()].sort());
    for (const [name, { shape, data }] of theirs) {
      expect(tensors.get(name)!.shape, name).toEqual(shape);
      expect(tensors.get(name)!.data, name).toEqual(data);
    }
    expect((await readModelFolder(folder)).weights).toEqual(saved.weights);
  });
});

describe('DeiT III', () => {
  const golden = readGolden('models/vitDeit3');
  const { case: _, train, model: family, ...config } = golden.config;
  const model = modelConfigSchema.parse({ ...config, family });
  const saved = { model, classes: [], preprocessing, weights: weightsOf(golden) };

  it('becomes a plain ViT of the same logits: LayerScale and missing positions are folded in', () => {
    const plain = plainVit(saved);
    expect([isPlain(model), isPlain(plain.model)]).toEqual([false, true]);
    expect([...plain.weights.keys()].filter((name) => name.includes('.ls'))).toEqual([]);
    const pixels = golden.get('input.pixels');
    expectClose('logits', logits(plain, pixels), golden.get('feature.logits'), 1e-6);
    expect(Array.from(plain.weights.get('blocks.0.attn.proj.bias')!.data)).not.toEqual(
      Array.from(saved.weights.get('blocks.0.attn.proj.bias')!.data),
    );
  });
});
