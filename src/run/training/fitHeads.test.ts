import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import { type MemoryDisk, memoryDisk } from '../../host/memory/filesMemory.ts';
import { memoryHost } from '../../host/memory/hostMemory.ts';
import { buildModel, type ModelConfig, variantConfig } from '../../models/index.ts';
import { initialValue } from '../../nn/initialise.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { stream } from '../../random/stream.ts';
import type { OwnModel } from '../models/loaded.ts';
import type { RunInputs } from './prepare/assemble.ts';
import { runOn } from './runOn.ts';

const CLASSES = ['dark', 'light', 'middling'];

const listOf = (part: string, count: number, labelled = true): ImageList => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => (labelled ? i % 3 : -1)),
});

/** A third each is dark, light and between. */
async function read(path: string): Promise<Pixels> {
  const draw = stream(1, path);
  const light = [0, 160, 80][Number(path.split('/')[1]) % 3]!;
  return { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, () => light + draw.below(60)) };
}

function modelOf(classes: readonly string[]): OwnModel {
  const model = variantConfig('resnet8_small', {
    imageSize: 8,
    widths: [4, 4, 6],
    classes: classes.length,
  }) as ModelConfig;
  const network = buildModel(model);
  return {
    model,
    network,
    weights: new Map(
      modelParams(network).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 5) }]),
    ),
    classes,
    path: 'other',
    stored: 'other',
    notes: [],
    preprocessing: { imageSize: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 1 },
  };
}

const data = (labelled = true): RunInputs['data'] => ({
  labelled,
  multilabel: false,
  classes: labelled ? CLASSES : [],
  train: listOf('train', 30, labelled),
  val: listOf('val', 9, labelled),
  splitSource: 'folders',
  reportOnly: false,
  facts: { images: 30, classes: 3, shorterSide: 8 },
  notes: [],
  digests: { train: 'a', val: 'b' },
});

interface Given {
  readonly teacher?: OwnModel;
  readonly init?: OwnModel;
  readonly settings: object;
  readonly labelled?: boolean;
  readonly resume?: boolean;
  readonly stopAt?: number;
}

async function run(disk: MemoryDisk, { teacher, init, settings, labelled = true, resume = false, stopAt }: Given) {
  const config = parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      student: { name: 'resnet8_small', imageSize: 8, settings: { widths: [4, 4, 6] } },
      train: { epochs: 1, batch: 5, evalBatch: 9 },
      optim: { lr: 0.001, warmupEpochs: 0 },
      ...settings,
    } as RunInput,
    'test',
  );
  const [said, stop] = [[] as string[], new AbortController()];
  const result = await runOn(
    memoryHost({ disk, read }),
    config,
    { data: data(labelled), teacher, init },
    {
      resume,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'note') said.push(event.message);
        if (event.type === 'step' && event.step === stopAt) stop.abort();
      },
    },
  );
  return { result, said };
}

const kd = (fitHead?: string) => ({
  method: 'kd',
  teacher: { ref: 'other', precision: 'fp32', ...(fitHead && { fitHead }) },
});

describe('teacher.fitHead', () => {
  it.each([
    ['without a classifier, unasked', [], undefined],
    ['with other classes, where it is asked for', ['x', 'y'], 'ridge'],
  ])('fits the head of a teacher %s; its accuracy is told, measured and kept', async (_, classes, fitHead) => {
    const disk = memoryDisk();
    const { result, said } = await run(disk, { teacher: modelOf(classes), settings: kd(fitHead) });
    expect(said.join('\n')).toMatch(/other: a head for the data's classes was fitted.*right on 100\.0 %/);
    expect(result.last['teacher/top1']).toBe(1);
    expect(disk.files.has('teacherHead.safetensors')).toBe(true);
  });

  it('a run that is gone on with reads the head that it fitted', async () => {
    const [whole, disk] = [memoryDisk(), memoryDisk()];
    const given = { teacher: modelOf([]), settings: kd() };
    await run(whole, given);
    await run(disk, { ...given, stopAt: 3 });
    await run(disk, { ...given, resume: true });
    for (const path of ['teacherHead.safetensors', 'checkpoints/last/model.safetensors'])
      expect(disk.files.get(path)).toEqual(whole.files.get(path));
    // It is that file which is read.
    const damaged = memoryDisk();
    await run(damaged, { ...given, stopAt: 3 });
    damaged.files.set('teacherHead.safetensors', new Uint8Array(16));
    await expect(run(damaged, { ...given, resume: true })).rejects.toThrow(/teacherHead\.safetensors/);
  });

  it('refuses what it cannot fit, and does not take other classes for the data’s unasked', async () => {
    const none = () => memoryDisk();
    await expect(run(none(), { teacher: modelOf(['x', 'y']), settings: kd() })).rejects.toThrow(
      /its classes differ.*teacher\.fitHead=ridge/,
    );
    const alone = { ...kd('ridge'), methods: { kd: { alpha: 1 } } };
    await expect(run(none(), { teacher: modelOf(['x', 'y']), settings: alone, labelled: false })).rejects.toThrow(
      /teacher\.fitHead: wanted labels of one class an image, got none/,
    );
    await expect(run(none(), { teacher: modelOf([]), settings: kd('none') })).rejects.toThrow(
      /kd needs teacher\.logits/,
    );
  });
});

describe('student.fitHead', () => {
  const settings = (fitHead: string) => ({
    method: 'supervised',
    student: { name: 'other', init: 'other', fitHead },
    train: { epochs: 1, batch: 5, evalBatch: 9, linearProbe: 0 },
    optim: { lr: 1e-9, warmupEpochs: 0 },
  });

  it('begins with a head that knows the classes', async () => {
    const random = await run(memoryDisk(), { init: modelOf([]), settings: settings('none') });
    const { result, said } = await run(memoryDisk(), { init: modelOf([]), settings: settings('ridge') });
    expect(said.join('\n')).toMatch(/a head for the data's classes was fitted/);
    expect(result.last['val/top1']!).toBeGreaterThan(random.result.last['val/top1']!);
  });

  it('refuses a student that starts from nothing', async () => {
    const given = { method: 'supervised', student: { name: 'resnet8_small', fitHead: 'ridge' } };
    await expect(run(memoryDisk(), { settings: given })).rejects.toThrow(
      /student\.fitHead: wanted a model to start from/,
    );
  });
});
