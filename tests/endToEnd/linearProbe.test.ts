import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunInput } from '../../src/config/schema.ts';
import { overlay } from '../../src/config/settings.ts';
import { readSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import { isHead } from '../../src/models/index.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import type { RunEvent } from '../../src/train/events.ts';
import { temporaryFolder, writeClass, writeDataset } from './commandLine.ts';

/** Small runs, each with worker threads of its own. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const TRAIN = { batch: 8, threads: 1, epochs: 4, checkpointSeconds: 1e6 };
const NAMES = {
  vit: { name: 'vit_pico_patch4', settings: { depth: 2, width: 16, heads: 1, dropPath: 0.5, distToken: true } },
  resnet: { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } },
};
type Kind = keyof typeof NAMES;

interface Outcome extends RunResult {
  readonly notes: string;
  readonly events: readonly RunEvent[];
}

/** `copyAt`: at the checkpoint of this step the folder is copied to `OUT-switch`, as a crash would leave it. */
async function run(
  out: string,
  input: RunInput | undefined,
  { resume = false, stopAt = -1, copyAt = -1 } = {},
): Promise<Outcome> {
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const onEvent = (event: RunEvent) => {
    events.push(event);
    if (event.type === 'step' && event.step === stopAt) stop.abort();
    if (event.type === 'checkpoint' && event.kind === 'last' && event.step === copyAt)
      cpSync(at(out), at(`${out}-switch`), { recursive: true, filter: (path) => !path.endsWith('run.lock') });
  };
  const result = await trainRun(input, { out: at(out), onEvent, signal: stop.signal, resume });
  return { ...result, events, notes: events.flatMap((e) => ('message' in e ? [e.message] : [])).join('\n') };
}

/** Another data set on the weights of a run of this kind. */
const settings = (kind: Kind, more: object = {}): RunInput =>
  overlay(
    {
      data: { dir: at('other'), workers: 1 },
      student: { name: 'new', init: at(kind, 'checkpoints/last') },
      train: TRAIN,
    },
    more as never,
  ) as unknown as RunInput;

const saved = (out: string, file = 'model') => readSafetensors(at(out, `checkpoints/last/${file}.safetensors`));
const text = (out: string, file: string) => readFileSync(at(out, 'checkpoints/last', file)).toString('base64');

beforeAll(async () => {
  await writeDataset(at('data'));
  for (const name of ['green', 'yellow', 'red', 'blue']) {
    await writeClass(at('other/train'), name, 8, 2);
    await writeClass(at('other/val'), name, 6, 3);
  }
  for (const kind of ['vit', 'resnet'] as const) {
    const student = { ...NAMES[kind], imageSize: 16 };
    await run(kind, { data: { dir: at('data'), workers: 1 }, student, train: { ...TRAIN, epochs: 6 } });
  }
});

describe.each(['vit', 'resnet'] as const)('a linear probe alone on a %s', (kind) => {
  it('leaves all but the head as it is to the bit, and learns', async () => {
    const { last, notes } = await run(
      `${kind}-probe`,
      settings(kind, { train: { linearProbe: 1, epochs: 12, ema: 0.9 }, optim: { lr: 0.03 } }),
    );
    expect(notes).toContain('a new head for 4 classes');
    const [before, after, rest] = await Promise.all([
      saved(kind),
      saved(`${kind}-probe`),
      saved(`${kind}-probe`, 'optimizer'),
    ]);
    const below = [...before.tensors.keys()].filter((name) => !isHead(name));
    expect(below.length).toBeGreaterThan(10);
    for (const name of below) {
      expect(after.tensors.get(name)!.data, name).toEqual(before.tensors.get(name)!.data);
      expect(rest.tensors.get(`ema.${name}`)!.data, name).toEqual(before.tensors.get(name)!.data);
    }
    // Adam's moments of the head, and the averages of all.
    const slots = [...rest.tensors.keys()].filter((name) => name.startsWith('slot.'));
    expect(slots.length).toBeGreaterThan(0);
    expect(slots.filter((name) => !isHead(name.replace(/^slot\.\w+\./, '')))).toEqual([]);
    // One class of four that was never seen: a head on features that are of use, where guessing has 0.25.
    expect(last['val/top1']).toBeGreaterThan(0.7);
  });
});

describe('a new head, then all', () => {
  const whole = settings('vit', { train: { epochs: 5, linearProbe: 'auto', ema: 0.5 }, optim: { lr: 1e-3 } });

  it('is what a new head gets, told with learning rates; the optimiser begins anew at the switch', async () => {
    const { notes, events } = await run('whole', whole, { copyAt: 4 });
    expect(notes).toContain('train.linearProbe = 0.2 (a new head: it is trained alone first)');
    // Four steps an epoch; 0.18 / 16 sqrt(8 / 32) is above the table's highest rate.
    expect(notes).toContain('stage 1: supervised (head), epochs 1 to 1, learning rate of its own: cosine 0.005');
    expect(notes).toContain('stage 2: supervised, epochs 2 to 5, learning rate of its own: cosine 0.001 to 0.00001');
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.lr] : []));
    expect(rates[0]).toBe(0.005);
    expect(rates).toHaveLength(20);
    expect(rates[4]).toBeLessThan(1e-3);
  });

  it.each([2, 4, 6])('stopped at step %i, where 4 is the switch, goes on bit for bit', async (step) => {
    const out = step === 4 ? 'whole-switch' : `stopped-${step}`;
    if (step !== 4) expect((await run(out, whole, { stopAt: step })).reason).toBe('interrupted');
    const rest = await run(out, undefined, { resume: true });
    expect(rest.events[0]).toMatchObject({ type: 'runStart', resumedFrom: step });
    expect([rest.reason, rest.steps]).toEqual(['done', 20]);
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'state.json'])
      expect(text(out, file)).toBe(text('whole', file));
  });

  it('steps after the switch as a run does that begins there', async () => {
    // The same head and network, no optimiser yet, the same images: the first update of all parameters.
    const adam = { optim: { lr: 1e-3, warmupEpochs: 0, weightDecay: 0 }, augment: { preset: 'none' } };
    const stages = (train: string) => [
      { method: 'supervised', share: 0.5, train, optim: { lr: 1e-3, warmupEpochs: 0 } },
    ];
    const both = [...stages('head'), ...stages('all')];
    const input = settings('resnet', { ...adam, train: { epochs: 2 }, stages: both });
    const probed = await run('probed', input, { copyAt: 4, stopAt: 5 });
    expect(probed.steps).toBe(5);
    const [before, after] = [await saved('probed-switch'), await saved('probed')];
    // AdamW's first step is the learning rate in the direction of the sign, where the gradient is not tiny.
    const moved = (name: string) => {
      const [a, b] = [before, after].map(({ tensors }) => new Float32Array(tensors.get(name)!.data.slice().buffer));
      return b!.map((x, i) => Math.abs(x - a![i]!));
    };
    for (const name of ['fc.bias', 'layer1.0.bn2.bias']) {
      const largest = Math.max(...moved(name));
      expect(largest).toBeGreaterThan(0.98e-3);
      expect(largest).toBeLessThan(1.001e-3);
    }
  });
});

describe('what is no linear probe', () => {
  const head = [{ method: 'supervised', share: 1, train: 'head' }];
  const fresh = { name: 'vit_pico_patch4', init: null, imageSize: 16 };
  it.each<readonly [string, object, RegExp]>([
    [
      'no weights',
      { student: fresh, train: { linearProbe: 0.5 } },
      /^train\.linearProbe: .*and there is none; give one with --init/,
    ],
    [
      'the same classes',
      { data: { dir: 'data' }, stages: head },
      /^stages\.0\.train: .*vit.* knows all classes of the data, so its head is kept/,
    ],
    [
      'new parts below the head',
      { student: { settings: { layerScale: 0.1 } }, train: { linearProbe: 1 } },
      /lacks blocks\.0\.ls1\.gamma, blocks\.0\.ls2\.gamma, blocks\.1\.ls1\.gamma and 1 more, which would stay random/,
    ],
    ['stages of its own beside it', { stages: head, train: { linearProbe: 0.5 } }, /write train: head into the stage/],
    [
      'a method with parameters of its own',
      { method: 'uskd', train: { linearProbe: 0.5 } },
      /uskd has parameters of its own \(method\./,
    ],
    ['one epoch for two stages', { train: { linearProbe: 0.5, epochs: 1 } }, /2 stages need at least 2 epochs, got 1/],
  ])('%s', async (_, more, message) => {
    const input = settings('vit', more);
    const placed = { ...input, data: { ...input.data, dir: at(input.data.dir === 'data' ? 'data' : 'other') } };
    await expect(run('refused', placed)).rejects.toThrow(message);
  });

  it('parts that the model lacks, one epoch, or the same classes: nothing is probed unasked', async () => {
    const inputs = [
      settings('vit', { student: { settings: { layerScale: 0.1 } }, train: { epochs: 2 } }),
      settings('resnet', { train: { epochs: 1 } }),
      settings('resnet', { data: { dir: at('data') }, train: { epochs: 2 } }),
    ];
    for (const [i, input] of inputs.entries()) {
      const { events } = await run(`unasked-${i}`, input);
      expect(events.filter(({ type }) => type === 'stageStart')).toMatchObject([{ name: 'supervised' }]);
    }
  });
});
