import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { evaluateModel } from '../src/run/evaluation/evaluate.ts';
import { loadModel } from '../src/run/evaluation/predict.ts';
import { exportModel, writeExport } from '../src/run/exporting/exportModel.ts';
import { verifyModel } from '../src/run/exporting/verify.ts';
import { inspectModel } from '../src/run/models/inspect.ts';
import { loadModelReference } from '../src/run/models/reference.ts';
import { writeDataset } from './endToEnd/commandLine.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const dir = mkdtempSync(join(tmpdir(), 'understudy-folders-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (...path: string[]) => join(dir, ...path);

/** `whole` is an export; `web` is what transformers.js needs of it; in `flat` the network lies beside the configs. */
beforeAll(async () => {
  const model = variantConfig('resnet8_small', { imageSize: 16, depths: [1], widths: [4], classes: 3 });
  const weights = modelParams(buildModel(model)).map(
    (spec, i) =>
      // No two alike: constants that are equal are written once.
      [
        spec.name,
        { shape: spec.shape, data: initialValue(spec, 3).map((x, at) => 2 * x + 0.001 * at + 0.01 * i) },
      ] as const,
  );
  const preprocessing = { imageSize: 16, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 1 } as const;
  await writeExport(at('whole'), {
    model,
    classes: ['blue', 'green', 'red'],
    preprocessing,
    weights: new Map(weights),
  });
  cpSync(at('whole'), at('web'), { recursive: true });
  rmSync(at('web/model.safetensors'));
  cpSync(at('web'), at('flat'), { recursive: true });
  renameSync(at('flat/onnx/model.onnx'), at('flat/model.onnx'));
  await writeDataset(at('data'));
});

it.each(['web', 'flat'])('%s: a folder with an ONNX file is a reference like others', async (name) => {
  const [own, found] = [
    await evaluateModel(at('whole'), { data: at('data') }),
    await evaluateModel(at(name), { data: at('data') }),
  ];
  expect(found.loss).toBeCloseTo(own.loss, 5);
  expect(found.classes).toEqual(own.classes);
  const model = await loadModel(at(name));
  const [best] = await model.predict(at('data/val/red/0.png'));
  expect(best!.probability).toBeGreaterThan(1 / 3);
  await model.dispose();
  await expect(exportModel(at(name), { out: at('out') })).rejects.toThrow(
    `${at(name)}: wanted a model of weights, got a folder with an ONNX file and no weights`,
  );
});

it('a folder with weights is a model of weights, and one with nothing is told what it lacks', async () => {
  expect((await loadModelReference(at('whole'))).model.family).toBe('resnet');
  mkdirSync(at('empty'));
  await expect(loadModelReference(at('empty'))).rejects.toThrow(/without model\.safetensors or model\.onnx/);
});

it('inspect counts what is trained, as of the weights', async () => {
  const [own, web] = [await inspectModel(at('whole')), await inspectModel(at('web'))];
  expect(web.parameters).toBe(own.parameters);
  expect([web.macs, web.classes]).toEqual([own.macs, own.classes]);
});

it('verify runs the files of a folder of transformers.js against what we read of them', async () => {
  const { rows, agrees, accuracy } = await verifyModel(at('web'), { data: at('data') });
  expect(agrees).toBe(true);
  expect(rows.map(({ file }) => file)).toContain('onnx/model.onnx');
  expect(accuracy).toBeDefined();
  await expect(verifyModel(at('flat'), { data: at('data') })).rejects.toThrow(/wanted a folder as clients read it/);
});
