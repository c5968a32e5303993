import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { nodePlatform } from '../src/host/node/hostNode.ts';
import { parseConfig } from '../src/config/parse.ts';
import { type RunInput, runSchema } from '../src/config/schema.ts';
import { overlay } from '../src/config/settings.ts';
import { loadModelReference } from '../src/run/models/reference.ts';
import type { LoadedModel } from '../src/run/models/loaded.ts';
import { openRunData } from '../src/run/datasets/openRunData.ts';
import { chooseTeacher, type PrecisionTask } from '../src/run/teacher/precision.ts';
import { trainRun } from '../src/run/training/trainRunNode.ts';
import type { Progress } from '../src/train/progress.ts';
import type { RunEvent, StepEvent } from '../src/train/events.ts';
import { contents, temporaryFolder, writeDataset } from './endToEnd/commandLine.ts';

/** Ten small runs, each with worker threads of its own. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const data = { dir: at('data'), workers: 1 };

/** A run of two stages with a 24 px teacher and a 16 px student: 3 steps an epoch, 3 epochs with the teacher and 1 without. */
function settings(more: object = {}): RunInput {
  const base = {
    data,
    student: { name: 'vit_pico_patch4', imageSize: 16, settings: { depth: 2, width: 16, heads: 1, dropPath: 0.2 } },
    teacher: { ref: at('teacher'), store: { dir: at('store') } },
    method: 'dearkd',
    methods: { dearkd: { stageOne: 0.75, beta: 1 } },
    train: { epochs: 4, batch: 8, threads: 1, evalEvery: 2 },
  };
  return overlay(base, more as never) as unknown as RunInput;
}

interface Outcome {
  readonly events: readonly RunEvent[];
  readonly notes: string;
  readonly weights: string;
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const progress = (out: string) => JSON.parse(readFileSync(at(out, 'checkpoints/last/state.json'), 'utf8')) as Progress;

async function run(
  out: string,
  input: RunInput | undefined,
  options: Partial<Parameters<typeof trainRun>[1]> = {},
): Promise<Outcome> {
  const events: RunEvent[] = [];
  await trainRun(input, {
    out: at(out),
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  const notes = events.flatMap((event) => ('message' in event ? [event.message] : [])).join('\n');
  return { events, notes, weights: digest(at(out, 'checkpoints/last/model.safetensors')) };
}

const shards = () =>
  existsSync(at('store'))
    ? readdirSync(at('store'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.shard'))
    : [];

beforeAll(async () => {
  await writeDataset(at('data'));
  const student = { name: 'resnet8_small', imageSize: 24, settings: { depths: [1, 1, 1], widths: [4, 8, 8] } };
  await trainRun({ data, student, train: { epochs: 2, batch: 8, threads: 1 } }, { out: at('teacher') });
});

describe('a teacher whose outputs are kept', () => {
  const kept = settings({ data: { views: 2 }, teacher: { precision: 'int8' } });
  let first: Outcome;
  beforeAll(async () => {
    first = await run('first', kept);
  });

  it('gives the same student when it is read as when it was computed and rounded', async () => {
    expect(first.notes).toMatch(
      /teacher outputs \(logits, maps\.s\d\) of 24 images x 2 views: 0 % are stored in .*; the rest takes 1 MB/,
    );
    const files = shards();
    expect(files.length).toBeGreaterThan(1);
    const again = await run('again', kept);
    expect(again.notes).toContain('100 % are stored');
    expect(again.weights).toBe(first.weights);
    expect(shards()).toEqual(files);
    const unkept = await run(
      'unkept',
      settings({ data: { views: 2 }, teacher: { precision: 'int8', store: { use: false } } }),
    );
    // Unrounded targets make another student: the comparison above could have failed.
    expect(unkept.weights).not.toBe(first.weights);
    expect(shards()).toEqual(files);
  });

  it('goes on after an interruption as if there had been none, though the store is gone', async () => {
    const stop = new AbortController();
    await run('stopped', kept, {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 4 && stop.abort(),
    });
    expect(progress('stopped')).toMatchObject({ step: 4, teacher: { precision: 'int8', ranges: expect.any(Array) } });
    rmSync(at('store'), { recursive: true });
    const rest = await run('stopped', undefined, { resume: true });
    expect(rest.weights).toBe(first.weights);
    // What was chosen at the start is taken, not tried again.
    expect(rest.notes).not.toContain('teacher.precision');
    expect(digest(at('stopped/checkpoints/last/optimizer.safetensors'))).toBe(
      digest(at('first/checkpoints/last/optimizer.safetensors')),
    );
  });

  type SavedRanges = { of?: string }[];
  it.each([
    ['fewer', (ranges: SavedRanges): SavedRanges => ranges.slice(1)],
    ['of other values', ([one, other, ...rest]: SavedRanges): SavedRanges => [other!, one!, ...rest]],
    ['of values without names', (ranges: SavedRanges): SavedRanges => ranges.map(({ of: _, ...range }) => range)],
  ] as const)('is measured anew where a checkpoint has the ranges of another version: %s', async (kind, change) => {
    const stop = new AbortController();
    const older = `older ${kind}`;
    await run(older, kept, {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 4 && stop.abort(),
    });
    const path = at(`${older}/checkpoints/last/state.json`);
    const saved = JSON.parse(readFileSync(path, 'utf8')) as { teacher: { ranges: SavedRanges }; digests?: unknown };
    // That release took no digests.
    delete saved.digests;
    saved.teacher.ranges = change(saved.teacher.ranges);
    writeFileSync(path, JSON.stringify(saved));
    const rest = await run(older, undefined, { resume: true });
    expect(rest.notes).toContain('their ranges are measured again');
    expect(rest.notes).toMatch(/teacher\.precision = int8/);
    expect(rest.weights).toBe(first.weights);
  });

  it('is not changed, and not run in the stage without distillation', () => {
    const steps = first.events.filter((event): event is StepEvent => event.type === 'step');
    expect(steps.map(({ teacherTime }) => teacherTime !== undefined)).toEqual([
      ...Array(9).fill(true),
      ...Array(3).fill(false),
    ]);
    expect(progress('first').teacher).toBeUndefined();
  });

  it('needs fixed views', async () => {
    await expect(run('refused', settings({ teacher: { store: { use: true } } }))).rejects.toThrow(
      /teacher\.store\.use: wanted data\.views/,
    );
    expect(existsSync(at('refused'))).toBe(false);
  });
});

describe('outputs that no view determines', () => {
  const of = (use: 'auto' | true, augment: object) =>
    settings({ data: { views: 2 }, teacher: { store: { use } }, augment });

  it.each([
    [
      { mixup: 0.8, cutmix: 1 },
      /teacher\.store\.use: .* augment\.mixup=0\.8, augment\.cutmix=1 .*Set augment\.mixup=0, augment\.cutmix=0, or/,
    ],
    [{ erase: 0.25 }, /teacher\.store\.use: .* augment\.erase=0\.25 .*Set augment\.erase=0, or/],
  ])('are refused where they are to be kept: %j', async (augment, message) => {
    await expect(run('changing', of(true, augment))).rejects.toThrow(message);
    expect(existsSync(at('changing'))).toBe(false);
  });

  it('are computed in each step where nothing is said, and not kept', async () => {
    const store = { dir: at('mixedStore') };
    const { notes } = await run('mixed', overlay(of('auto', { mixup: 0.8 }) as never, { teacher: { store } }) as never);
    expect(notes).toContain('teacher outputs are not kept: augment.mixup=0.8 changes the views in each epoch');
    const files = readdirSync(store.dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.shard'),
    );
    // The answers on the validation images alone.
    expect(new Set(files.map((name) => name.split('/')[0])).size).toBe(1);
  });
});

it('a run leaves the bytes of its teacher alone', async () => {
  const before = contents(at('teacher'));
  await run('plain', settings());
  expect(contents(at('teacher'))).toEqual(before);
  expect(progress('plain').step).toBe(12);
});

describe('the precision', () => {
  type Weights = LoadedModel['weights'];
  async function choose(
    more: Partial<PrecisionTask> = {},
    size = 24,
    change = (weights: Weights): Weights => weights,
  ): Promise<[string, string]> {
    const loaded = await loadModelReference(at('teacher'));
    const { network, preprocessing, weights } = loaded;
    const teacher = {
      ...loaded,
      network: { ...network, imageSize: size },
      preprocessing: { ...preprocessing, imageSize: size },
      weights: change(weights),
    };
    const opened = await openRunData(parseConfig(runSchema, settings(), 'test'));
    const notes: string[] = [];
    const choice = await chooseTeacher({
      platform: nodePlatform({ device: 'cpu', threads: 1 }),
      precision: 'auto',
      names: ['logits'],
      batch: 4,
      given: preprocessing,
      sample: opened.val,
      config: { data: { workers: 1, cacheMB: 0, maxBadFraction: 1 } },
      note: (message) => void notes.push(message),
      ...more,
      use: { teacher, classes: loaded.classes, features: ['logits'] },
    });
    return [choice.precision, notes.join()];
  }

  it('is float for a small teacher, and on another device, and says so', async () => {
    expect(await choose()).toEqual(['fp32', 'teacher.precision = fp32 (the teacher is small)']);
    const here = nodePlatform({ device: 'cpu', threads: 'auto' });
    const elsewhere = { ...here, engine: { ...here.engine, name: 'ort-node-webgpu' } };
    expect(await choose({ platform: elsewhere })).toEqual([
      'fp32',
      'teacher.precision = fp32 (8 bits are for the CPU)',
    ]);
    expect(await choose({ precision: 'fp32' })).toEqual(['fp32', '']);
  });

  it('tells on a larger teacher how 8 bits decide and how fast they are, and takes what it says', async () => {
    const [precision, note] = await choose({}, 448);
    const told =
      /^teacher\.precision = (fp32|int8) \(in 8 bits it decides like float on \d+\.\d % of 9 images, mean KL \S+ nats(; wanted 99 %|, but is only [\d.]+ times as fast|, and is [\d.]+ times as fast)\)$/.exec(
        note,
      );
    expect(told?.[1], note).toBe(precision);
    expect(told?.[2]?.startsWith(', and'), note).toBe(precision === 'int8');
  });

  it('is float where 8 bits decide otherwise: one channel that nothing reads, but that is a million times the others', async () => {
    // A network that hands the colours on to its head, so that it decides by them; its convolutions proper are 0.
    const outlier = (weights: Weights): Weights => {
      const changed = new Map(
        [...weights].map(([name, { shape, data }]) => {
          const neutral = /bn\d\.weight$|downsample\.1\.weight$|running_var$/.test(name) ? 1 : 0;
          return [name, { shape, data: data.map(() => neutral) }] as const;
        }),
      );
      const set = (name: string, at: number) => changed.get(name)!.data.fill(1, at, at + 1);
      for (const colour of [0, 1, 2]) {
        set('conv1.weight', (colour * 3 + colour) * 9 + 4);
        for (const layer of ['layer2', 'layer3']) {
          const { shape } = changed.get(`${layer}.0.downsample.0.weight`)!;
          set(`${layer}.0.downsample.0.weight`, colour * shape[1]! + colour);
        }
        // Blue, green, red read the channels in reverse.
        set('fc.weight', (2 - colour) * 8 + colour);
      }
      // Of the fourth channel no later layer has a weight.
      changed.get('layer1.0.bn2.bias')!.data[3] = 1e6;
      return changed;
    };
    const [precision, note] = await choose({}, 448, outlier);
    expect(precision).toBe('fp32');
    const told =
      /^teacher\.precision = fp32 \(in 8 bits it decides like float on (\d+\.\d) % of 9 images, mean KL \S+ nats; wanted 99 %\)$/.exec(
        note,
      );
    expect(Number(told?.[1]), note).toBeLessThan(99);
    // Asked for, it is taken in spite of that.
    expect((await choose({ precision: 'int8' }, 448, outlier))[0]).toBe('int8');
  });

  it('is what was asked for, with the agreement told', async () => {
    const [precision, note] = await choose({ precision: 'int8' });
    expect(precision).toBe('int8');
    expect(note).toMatch(
      /^teacher\.precision = int8 \(in 8 bits it decides like float on \d+\.\d % of 9 images, mean KL \S+ nats\)$/,
    );
  });
});
