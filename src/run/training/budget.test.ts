import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import type { Host } from '../../host/host.ts';
import { plainLoader } from '../../data/loading/plainLoader.ts';
import { memoryDisk } from '../../host/memory/filesMemory.ts';
import { memoryHost } from '../../host/memory/hostMemory.ts';
import { stream } from '../../random/stream.ts';
import { parseMetricRows } from '../../train/loggers/metricRow.ts';
import type { RunInputs } from './prepare/assemble.ts';
import { runOn } from './runOn.ts';

const listOf = (part: string, count: number): ImageList => ({
  root: 'memory',
  paths: Array.from({ length: count }, (_, i) => `${part}/${i}`),
  labels: Int32Array.from({ length: count }, (_, i) => i % 2),
});

const inputsOf = (images: number, validation: number): RunInputs => ({
  data: {
    labelled: true,
    multilabel: false,
    classes: ['dark', 'light'],
    train: listOf('train', images),
    val: listOf('val', validation),
    splitSource: 'folders',
    reportOnly: false,
    facts: { images, classes: 2, shorterSide: 8 },
    notes: [],
    digests: { train: 'a', val: 'b' },
  },
  teacher: undefined,
  init: undefined,
});

const configOf = (train: RunInput['train'], stages: RunInput['stages'] = 'auto') =>
  parseConfig(
    runSchema,
    {
      data: { dir: 'memory' },
      student: { name: 'vit_pico_patch4', imageSize: 8, settings: { width: 8, depth: 1, heads: 2 } },
      method: 'supervised',
      stages,
      train: { batch: 2, evalBatch: 4, checkpointSeconds: 1e6, ...train },
    },
    'test',
  );

interface Cost {
  /** Seconds of a run of a program, of a compilation, of an image. */
  readonly run: number;
  readonly compile: number;
  readonly image: number;
  /** Of a loader's first image, as of threads that start. */
  readonly start?: number;
}

/** A host whose time passes in the engine and in the loaders alone. */
function timedHost(cost: Cost) {
  let elapsed = 0;
  const pass = (seconds: number) => {
    elapsed += 1000 * seconds;
  };
  const disk = memoryDisk();
  const read = async (path: string) => {
    pass(cost.image);
    const draw = stream(1, path);
    return { width: 9, height: 10, data: Uint8Array.from({ length: 270 }, () => draw.below(200)) };
  };
  const { engine, ...rest } = memoryHost({ disk, read });
  const compile: Host['engine']['compile'] = async (...given) => {
    pass(cost.compile);
    const compiled = await engine.compile(...given);
    return {
      run: (...fed) => {
        pass(cost.run);
        return compiled.run(...fed);
      },
      dispose: () => compiled.dispose(),
    };
  };
  const slowed = Object.assign(Object.create(engine) as typeof engine, { compile });
  const loader: Host['loader'] = (options) => {
    let begun = false;
    return plainLoader(options, (path) => {
      if (!begun) pass(cost.start ?? 0);
      begun = true;
      return read(path);
    });
  };
  const host: Host = { ...rest, loader, engine: slowed, clock: { now: () => elapsed, elapsed: () => elapsed } };
  return { host, disk, seconds: () => elapsed / 1000 };
}

const TWO = [
  { method: 'supervised', share: 0.5 },
  { method: 'supervised', share: 0.5 },
] as const;

describe('train.budget', () => {
  it.each([
    ['long epochs: one would leave half of it', '300s', 60, 4, {}, 'auto', { run: 4, compile: 1, image: 0 }],
    ['an evaluation that takes as long as an epoch', '400s', 10, 20, {}, 'auto', { run: 4, compile: 1, image: 0 }],
    ['few evaluations', '300s', 10, 20, { evalEvery: 3 }, 'auto', { run: 4, compile: 1, image: 0 }],
    ['images that are decoded for the first epoch alone', '900s', 40, 4, {}, 'auto', { run: 2, compile: 1, image: 6 }],
    ['images that are decoded in each', '900s', 40, 4, {}, 'auto', { run: 2, compile: 1, image: 3 }],
    [
      'many validation images, and threads that start',
      '500s',
      40,
      400,
      {},
      'auto',
      { run: 1, compile: 1, image: 0.1, start: 20 },
    ],
    ['two stages', '300s', 20, 4, {}, TWO, { run: 4, compile: 5, image: 0 }],
  ] as const)('%s: ends in 75 to 100 %% of its time', async (name, budget, images, validation, train, stages, cost) => {
    const { host, seconds } = timedHost(cost);
    const config = configOf({ ...train, budget }, stages === 'auto' ? 'auto' : [...stages]);
    const found = name.endsWith('in each') ? { ...config, data: { ...config.data, cache: 'none' as const } } : config;
    const { reason } = await runOn(host, found, inputsOf(images, validation));
    expect(reason).toBe('done');
    const share = seconds() / Number.parseFloat(budget);
    expect(share).toBeGreaterThan(0.75);
    expect(share).toBeLessThanOrEqual(1);
  });
});

it('a run of two and a half epochs ends in the middle of the third, with an evaluation, and says so', async () => {
  const { host, disk } = timedHost({ run: 0, compile: 0, image: 0 });
  const notes: string[] = [];
  const result = await runOn(host, configOf({ epochs: 2.5 }, [...TWO]), inputsOf(8, 4), {
    onEvent: (event) => event.type === 'note' && notes.push(event.message),
  });
  expect(result).toMatchObject({ reason: 'done', steps: 10 });
  const rows = parseMetricRows(new TextDecoder().decode(disk.files.get('metrics.jsonl')));
  expect(rows.filter((row) => 'val/top1' in row).map(({ step, epoch }) => [step, epoch])).toEqual([
    [4, 1],
    [8, 2],
    [10, 3],
  ]);
  expect(notes.filter((note) => note.startsWith('stage '))).toEqual([
    expect.stringContaining('epochs 1 to 1,'),
    expect.stringContaining('epochs 2 to 2.5,'),
  ]);
});
