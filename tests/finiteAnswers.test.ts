import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { writeModelFolder } from '../src/formats/modelFolderNode.ts';
import { UserError } from '../src/graph/errors.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { examine } from '../src/run/doctor/examine.ts';
import { evaluateModel } from '../src/run/evaluation/evaluate.ts';
import { loadModel } from '../src/run/evaluation/predict.ts';
import { exportModel } from '../src/run/exporting/exportModel.ts';
import { verifyModel } from '../src/run/exporting/verify.ts';
import { analyseModels } from '../src/run/looking/analyse.ts';
import { synthesize } from '../src/run/synthesis/synthesize.ts';
import { trainRun } from '../src/run/training/trainRunNode.ts';
import { writeDataset } from './endToEnd/commandLine.ts';
import { floatTensor, node, onnxBytes } from './parity/onnxBuilder.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const dir = mkdtempSync(join(tmpdir(), 'understudy-finite-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (...path: string[]) => join(dir, ...path);
const CLASSES = ['blue', 'green', 'red'];

/** The mean of each channel, divided by the mean of all: 0 / 0 for a black picture and no other; with a product for 8 bits. */
const shares = onnxBytes({
  nodes: [
    node('ReduceMean', ['x'], ['m'], { axes: [2, 3] }),
    node('ReduceMean', ['m'], ['s'], { axes: [1] }),
    node('Div', ['m', 's'], ['d']),
    node('Conv', ['d', 'w'], ['logits']),
  ],
  weights: [floatTensor('w', [3, 3, 1, 1], [1, 0.1, 0, 0, 1, 0.2, 0.3, 0, 1])],
  input: ['N', 3, 16, 16],
  declared: ['N', 3, 1, 1],
});

const preprocessing = { imageSize: 16, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;

/** A CNN of finite weights, whose last product overflows for every picture. */
async function writeHuge(): Promise<void> {
  const config = variantConfig('resnet8_small', { imageSize: 16, depths: [1], widths: [4], classes: 3 });
  const weights = modelParams(buildModel(config)).map((spec) => {
    const data = initialValue(spec, 1);
    return [spec.name, { shape: spec.shape, data: spec.name === 'fc.weight' ? data.fill(3e38) : data }] as const;
  });
  await writeModelFolder(at('huge'), { model: config, classes: CLASSES, preprocessing, weights: new Map(weights) });
}

beforeAll(async () => {
  await writeDataset(at('data'));
  const black = sharp({ create: { width: 16, height: 16, channels: 3, background: '#000' } }).png();
  await black.toFile(at('data/train/red/black.png'));
  await writeDataset(at('train'));
  await sharp(at('data/train/red/black.png')).toFile(at('train/train/red/black.png'));
  await sharp(at('data/train/red/black.png')).toFile(at('data/val/red/black.png'));
  writeFileSync(at('shares.onnx'), shares);
  await writeHuge();
});

const described = { classes: CLASSES, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
const SHARES = {
  ref: at('shares.onnx'),
  ...described,
  classes: [...CLASSES],
  mean: [0, 0, 0],
  std: [1, 1, 1],
} as never;
const student = { name: 'vit_pico_patch4', imageSize: 16, settings: { depth: 1, width: 16, heads: 1 } };
const data = { dir: at('data'), workers: 1 };

/** A refusal that names the model, the picture and the answer. */
async function refused(model: string, image: string | RegExp, work: () => Promise<unknown>): Promise<void> {
  const error = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as Error;
  expect(message).toContain(`${at(model)}: wanted finite `);
  expect(message).toMatch(image);
  expect(message).toMatch(/got (NaN|-?Infinity) in \d+ of \d+/);
}

/** Its pixels are zeros for the teacher: nothing is normalised in between. */
const TRAIN = {
  data: { dir: at('train'), workers: 1 },
  augment: { preset: 'none', crop: 'none', evalCropRatio: 1, mean: [0, 0, 0], std: [1, 1, 1] },
};
const TRAINED = /train\/train\/red\/black\.png/;
const VAL = /data\/val\/red\/black\.png/;

it('predict gives the other pictures their answers and names the one', async () => {
  const model = await loadModel(at('shares.onnx'), { described: described as never });
  expect(await model.predict(at('data/val/red/0.png'))).toHaveLength(3);
  await refused('shares.onnx', VAL, () => model.predict(at('data/val/red/black.png')));
  await model.dispose();
  const huge = await loadModel(at('huge'));
  await refused('huge', /red\/0\.png/, () => huge.predict(at('data/val/red/0.png')));
  await huge.dispose();
});

it('eval, doctor and an analysis name it', async () => {
  await refused('shares.onnx', VAL, () =>
    evaluateModel(at('shares.onnx'), { data: at('data'), described: described as never }),
  );
  const findings = await examine({ data, student, teacher: SHARES, method: 'kd' } as never);
  expect(findings.find(({ level, about }) => level === 'error' && about === 'teacher')?.text).toMatch(VAL);
  await refused('huge', /data\/val\/blue\/0\.png/, () =>
    analyseModels([at('huge')], { data: at('data'), out: at('looked') }),
  );
});

// A decision of NaN is a label like any other: its loss is finite.
it.each(['soft', 'hard'])('distillation with %s labels blames the teacher', async (kind) => {
  const methods = kind === 'hard' ? { method: 'deit', methods: { deit: { kind: 'hard' } } } : { method: 'kd' };
  const train = { epochs: 1, batch: 25, threads: 1, evalEvery: 2 };
  const config = { ...TRAIN, student, teacher: SHARES, ...methods, train };
  await refused('shares.onnx', TRAINED, () => trainRun(config as never, { out: at(kind) }));
});

it('8 bits are not measured on it, and a kept answer is a checked one', async () => {
  const base = { ...TRAIN, student, method: 'kd' };
  const train = { epochs: 1, batch: 25, threads: 1 };
  const quantised = { ...base, data, teacher: { ...(SHARES as object), precision: 'int8' }, train };
  await refused('shares.onnx', VAL, () => trainRun(quantised as never, { out: at('int8') }));
  const teacher = { ...(SHARES as object), store: { use: true, dir: at('kept') } };
  const kept = { ...base, data: { ...TRAIN.data, views: 1 }, teacher, train };
  for (const out of ['kept1', 'kept2'])
    await refused('shares.onnx', TRAINED, () => trainRun(kept as never, { out: at(out) }));
});

it('export, verify and synthesis name a model that overflows', async () => {
  await refused('huge', /image 1 of random numbers/, () => exportModel(at('huge'), { out: at('exported') }));
  await refused('huge', /data\/val\/blue\/0\.png/, () => verifyModel(at('huge'), { data: at('data') }));
  const settings = { iterations: 0, lowIterations: 0 };
  await refused('huge', /image 1 of batch 0/, () =>
    synthesize({ teacher: at('huge'), out: at('made'), images: 3, settings: settings as never }),
  );
});
