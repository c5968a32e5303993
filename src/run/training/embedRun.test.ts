import { describe, expect, it } from 'vitest';
import { memoryTransports } from '../../cluster/memoryTransport.ts';
import { alone, Ranks } from '../../cluster/ranks.ts';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import { plainLoader } from '../../data/loading/plainLoader.ts';
import { evaluate } from '../../engine/reference.ts';
import { decodeSafetensors } from '../../formats/tensors/safetensors.ts';
import { input } from '../../graph/build.ts';
import { ndArray } from '../../graph/ndArray.ts';
import { type MemoryDisk, memoryDisk } from '../../host/memory/filesMemory.ts';
import { memoryHost } from '../../host/memory/hostMemory.ts';
import { buildModel, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { buildFrozen, modelParams } from '../../program/evalProgram.ts';
import { stream } from '../../random/stream.ts';
import { parseMetricRows, withoutTimings } from '../../train/loggers/metricRow.ts';
import { evalBatches } from '../datasets/loaders.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { RunInputs } from './prepare/assemble.ts';
import { assemble } from './prepare/assemble.ts';
import { runOn } from './runOn.ts';
import { teacherTransform } from './stage/measured.ts';

/** Two epochs of three updates of two micro-batches; weights are averaged; the queue has 5 slots for batches of 2. */
const configOf = (settings: object = {}, train: object = {}) =>
  parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      student: { name: 'vit_pico_patch4', imageSize: 8, settings: { width: 8, depth: 1, heads: 2 } },
      teacher: { ref: 'teacher', precision: 'fp32' },
      method: 'embed',
      methods: { embed: { queueSize: 5, ...settings } },
      optim: { lr: 0.01, warmupEpochs: 0 },
      train: { epochs: 2, batch: 2, accumulate: 2, evalBatch: 4, ema: 0.9, seed: 3, checkpointSeconds: 0.05, ...train },
    } as RunInput,
    'test',
  );

const listOf = (part: string, count: number, labelled: boolean): ImageList => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => (labelled ? i % 2 : -1)),
});

const TEACHER = buildModel(variantConfig('resnet8_small', { imageSize: 8, widths: [4, 4, 6], classes: 3 }));

/** With classes that are not the data's: nothing of them is read. */
const teacher: LoadedModel = {
  model: { family: 'onnx', imageSize: 8, classes: 3 },
  network: TEACHER,
  weights: new Map(modelParams(TEACHER).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 5) }])),
  classes: ['x', 'y', 'z'],
  path: 'teacher',
  stored: 'teacher',
  notes: [],
  preprocessing: { imageSize: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 1 },
};

/** @param taught whether the training images have labels where those of validation have some */
const inputsOf = (labelled: boolean, taught = labelled): RunInputs => ({
  data: {
    labelled,
    multilabel: false,
    classes: labelled ? ['dark', 'light'] : [],
    train: listOf('train', 12, taught),
    val: listOf('val', 8, labelled),
    splitSource: 'folders',
    reportOnly: false,
    facts: { images: 12, classes: labelled ? 2 : 0, shorterSide: 8 },
    notes: [],
    digests: { train: 'a', val: 'b' },
  },
  teacher,
  init: undefined,
});

/** Odd images are light. */
async function read(path: string): Promise<Pixels> {
  const draw = stream(1, path);
  const light = 128 * (Number(path.split('/')[1]) % 2);
  return { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, () => light + draw.below(100)) };
}

interface RunOptions {
  readonly labelled?: boolean;
  readonly taught?: boolean;
  readonly config?: ReturnType<typeof configOf>;
  readonly resume?: boolean;
  readonly stopAt?: number;
}

async function run(
  disk: MemoryDisk,
  { labelled = false, taught = labelled, config = configOf(), resume = false, stopAt }: RunOptions = {},
) {
  const stop = new AbortController();
  return runOn(memoryHost({ disk, read }), config, inputsOf(labelled, taught), {
    resume,
    signal: stop.signal,
    onEvent: (event) => event.type === 'step' && event.step === stopAt && stop.abort(),
  });
}

const rowsOf = ({ files }: MemoryDisk) =>
  parseMetricRows(new TextDecoder().decode(files.get('metrics.jsonl'))).map(withoutTimings);

function leftBy(disk: MemoryDisk) {
  const timed = /^(metrics\.jsonl|train\.log|events\.)/;
  return {
    rows: rowsOf(disk),
    files: Object.fromEntries([...disk.files].filter(([path]) => !timed.test(path)).sort()),
  };
}

const withoutLogs = (files: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('rank-')));

const arraysOf = ({ files }: MemoryDisk, path: string) => decodeSafetensors(files.get(path)!, path).tensors;

describe('a run of embed', () => {
  it('needs no labels, leaves a student without a classifier, and a queue that is filled', async () => {
    const disk = memoryDisk();
    const result = await run(disk);
    expect(result).toMatchObject({ reason: 'done', steps: 6 });
    expect(Object.keys(result.last).sort()).toEqual(
      ['val', 'val_ema'].flatMap((kind) => [`${kind}/effective_rank`, `${kind}/loss`, `${kind}/neighbour_agreement`]),
    );
    expect(result.best!.heldOutLoss).toBe(Math.min(result.last['val/loss']!, result.last['val_ema/loss']!));
    const model = arraysOf(disk, 'model/model.safetensors');
    expect([...model.keys()].filter((name) => /head|classifier|method/.test(name))).toEqual([]);
    const kept = arraysOf(disk, 'checkpoints/last/optimizer.safetensors');
    // 24 embeddings went through it, the averages are of weights alone.
    expect(kept.get('param.method.filled')!.data[0]).toBe(5);
    expect(kept.get('param.method.queue')!.shape).toEqual([5, 6]);
    expect([...kept.keys()].filter((name) => /^ema\.method\.(queue|filled|tokens)/.test(name))).toEqual([]);
    const queue = kept.get('param.method.queue')!.data as Float32Array;
    for (let i = 0; i < 5; i++) expect(Math.hypot(...queue.subarray(6 * i, 6 * i + 6))).toBeCloseTo(1, 5);
  });

  it('stopped in the middle and gone on with, it leaves the same bytes, the queue among them', async () => {
    const [whole, disk] = [memoryDisk(), memoryDisk()];
    await run(whole);
    expect(await run(disk, { stopAt: 4 })).toMatchObject({ reason: 'interrupted', steps: 4 });
    await run(disk, { resume: true });
    expect(leftBy(disk)).toEqual(leftBy(whole));
  });

  it('ranks leave the same bytes, and share the images that an evaluation looks at', async () => {
    const config = configOf({}, { epochs: 1 });
    const [whole, disk] = [memoryDisk(), memoryDisk()];
    const seen = new Map<number, string[]>();
    const reading = (rank: number) => (path: string) => {
      if (path.startsWith('val/')) seen.set(rank, [...(seen.get(rank) ?? []), path]);
      return read(path);
    };
    const on = (ranks: Ranks, to: MemoryDisk, rank: number) =>
      runOn(memoryHost({ disk: to, read: reading(rank), ranks }), config, inputsOf(true), {});
    await on(alone(), whole, -1);
    await Promise.all(memoryTransports(2).map((transport) => on(new Ranks(transport), disk, transport.rank)));
    expect({ ...leftBy(disk), files: withoutLogs(leftBy(disk).files) }).toEqual(leftBy(whole));
    const once = seen.get(-1)!;
    expect([...seen.get(0)!, ...seen.get(1)!].sort()).toEqual(once.sort());
    for (const rank of [0, 1]) expect(seen.get(rank)).toHaveLength(once.length / 2);
  });

  it('with labels it trains to the same weights, and says what can be read out of the embedding', async () => {
    const [without, labelled] = [memoryDisk(), memoryDisk()];
    await run(without);
    const { last } = await run(labelled, { labelled: true });
    const path = 'checkpoints/last/model.safetensors';
    expect(labelled.files.get(path)).toEqual(without.files.get(path));
    const losses = (disk: MemoryDisk) => rowsOf(disk).map((row) => row['train/loss']);
    expect(losses(labelled)).toEqual(losses(without));
    // Light and dark can be told apart by any embedding.
    for (const name of ['val/knn_top1', 'val/probe_top1', 'teacher/knn_top1']) expect(last[name], name).toBe(1);
    // Labels of the validation images alone read nothing out: there are no labelled images to hold them against.
    const { last: judged } = await run(memoryDisk(), { labelled: true, taught: false });
    expect(Object.keys(judged).filter((name) => /knn|probe/.test(name))).toEqual([]);
  });

  it('standardises by what it measured: mean 0 and deviation 1 in each channel, on the images that it looked at', async () => {
    const disk = memoryDisk();
    const config = configOf({ global: 'cosine' });
    await run(disk, { config });
    const kept = arraysOf(disk, 'checkpoints/last/optimizer.safetensors');
    const parts = assemble(config, inputsOf(false));
    const use = { teacher, classes: [], features: [] };
    const loader = plainLoader(evalBatches(parts.data.train, teacherTransform(parts, use), 12, config), read);
    for await (const { images } of loader.batches()) {
      const pixels = input('pixels', [12, 3, 8, 8]);
      const { embedding, dense } = buildFrozen(TEACHER, pixels, teacher.weights);
      const found = evaluate([embedding!, dense!.tokens], new Map([['pixels', ndArray([12, 3, 8, 8], images)]]));
      for (const [i, name] of ['embedding', 'tokens'].entries()) {
        const { data, shape } = found[i]!;
        const [D, rows] = [shape.at(-1)!, data.length / shape.at(-1)!];
        const numbers = (of: string) => kept.get(`param.method.${name}.${of}`)!.data as Float32Array;
        for (let c = 0; c < D; c++) {
          const channel = Array.from(
            { length: rows },
            (_, r) => (data[r * D + c]! - numbers('mean')[c]!) / numbers('deviation')[c]!,
          );
          const mean = channel.reduce((sum, x) => sum + x, 0) / rows;
          expect(mean).toBeCloseTo(0, 4);
          expect(channel.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rows).toBeCloseTo(1, 4);
        }
      }
    }
  });

  it('takes its head from the labels where a stage after it learns from them', async () => {
    const config = parseConfig(
      runSchema,
      {
        ...configOf(),
        stages: [
          { method: 'embed', share: 0.5 },
          { method: 'supervised', share: 0.5 },
        ],
      } as RunInput,
      'test',
    );
    const { last } = await run(memoryDisk(), { config, labelled: true });
    expect(last).toHaveProperty('val/top1');
    await expect(run(memoryDisk(), { config })).rejects.toThrow(/supervised.*needs labels/);
  });
});
