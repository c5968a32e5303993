import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import type { ImageList } from '../../data/dataset.ts';
import { decodeSafetensors } from '../../formats/tensors/safetensors.ts';
import { type MemoryDisk, memoryDisk } from '../../host/memory/filesMemory.ts';
import { memoryHost } from '../../host/memory/hostMemory.ts';
import { buildModel, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { stream } from '../../random/stream.ts';
import { parseMetricRows, withoutTimings } from '../../train/loggers/metricRow.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { RunInputs } from './prepare/assemble.ts';
import { runOn } from './runOn.ts';

const CLASSES = ['dark', 'light'];

const listOf = (part: string, count: number): ImageList => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => i % 2),
});

/** An untrained CNN whose last map has 12 channels. */
function teacher(): LoadedModel {
  const model = variantConfig('resnet8_small', { imageSize: 8, classes: 2, depths: [1, 1], widths: [4, 12] });
  const network = buildModel(model);
  const weights = modelParams(network).map(
    (spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 4) }] as const,
  );
  const preprocessing = { imageSize: 8, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
  const where = { path: 'cnn', stored: 'cnn', notes: [] };
  return { ...where, model, network, weights: new Map(weights), classes: CLASSES, preprocessing } as LoadedModel;
}

const inputs: RunInputs = {
  data: {
    labelled: true,
    multilabel: false,
    classes: CLASSES,
    train: listOf('train', 4),
    val: listOf('val', 2),
    splitSource: 'folders',
    reportOnly: false,
    facts: { images: 4, classes: 2, shorterSide: 8 },
    notes: [],
    digests: { train: 'a', val: 'b' },
  },
  teacher: teacher(),
  init: undefined,
};

const read = async (path: string): Promise<Pixels> => {
  const draw = stream(1, path);
  const light = 128 * (Number(path.split('/')[1]) % 2);
  return { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, () => light + draw.below(100)) };
};

const configOf = (projector: string, weights: string) =>
  parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      teacher: 'cnn',
      student: { name: 'vit_pico_patch4', imageSize: 8, settings: { width: 8, depth: 1, heads: 2 } },
      method: 'vkd',
      methods: { vkd: { projector } },
      weights: weights as 'balanced',
      optim: { lr: 0.02, warmupEpochs: 0 },
      train: { epochs: 2, batch: 2, evalBatch: 2, ema: 0.9, seed: 3 },
    },
    'test',
  );

const projectorOf = ({ files }: MemoryDisk) =>
  decodeSafetensors(files.get('checkpoints/last/optimizer.safetensors')!).tensors.get(
    'param.method.projector.weight',
  ) ?? decodeSafetensors(files.get('checkpoints/last/model.safetensors')!).tensors.get('method.projector.weight');

function leftBy({ files }: MemoryDisk) {
  const rows = parseMetricRows(new TextDecoder().decode(files.get('metrics.jsonl'))).map(withoutTimings);
  return {
    rows,
    files: Object.fromEntries([...files].filter(([path]) => !/^(metrics|train\.log|events)/.test(path)).sort()),
  };
}

it.each([
  ['orthogonal', 'fixed'],
  ['fixed', 'fixed'],
  ['orthogonal', 'balanced'],
])('%s, weights %s: stopped and gone on with, a run leaves the same bytes', async (projector, weights) => {
  const config = configOf(projector, weights);
  const [whole, disk, stop] = [memoryDisk(), memoryDisk(), new AbortController()];
  await runOn(memoryHost({ disk: whole, read }), config, inputs, { resume: false });
  await runOn(memoryHost({ disk, read }), config, inputs, {
    signal: stop.signal,
    onEvent: (event) => event.type === 'step' && event.step === 2 && stop.abort(),
  });
  const early = projectorOf(disk)!.data as Float32Array;
  await runOn(memoryHost({ disk, read }), config, inputs, { resume: true });
  expect(leftBy(disk)).toEqual(leftBy(whole));
  const shares = leftBy(disk).rows.flatMap((row) => row['balance/feature'] ?? []);
  // The closed rule may leave a term out: a share of 0 or 1.
  expect(shares.length > 0 && shares.every((share) => share >= 0 && share <= 1)).toBe(weights === 'balanced');
  const late = projectorOf(disk)!;
  expect(late.shape).toEqual([12, 8]);
  const W = late.data as Float32Array;
  for (let i = 0; i < 8; i++)
    for (let j = 0; j <= i; j++) {
      let dot = 0;
      for (let row = 0; row < 12; row++) dot += W[row * 8 + i]! * W[row * 8 + j]!;
      expect(dot).toBeCloseTo(Number(i === j), 5);
    }
  const moved = Math.max(...Array.from(W, (x, i) => Math.abs(x - early[i]!)));
  expect(moved > 0.01).toBe(projector === 'orthogonal');
  expect(moved === 0).toBe(projector === 'fixed');
});
