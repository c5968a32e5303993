import { describe, expect, it } from 'vitest';
import { systemClock } from '../src/host/clock.ts';
import { setOverride } from '../src/config/parse.ts';
import { runSchema } from '../src/config/schema.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { planStages } from '../src/run/plan/stages.ts';
import { topologicalOrder } from '../src/graph/walk.ts';
import { methodNamed } from '../src/methods/index.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { adamw } from '../src/optim/adamw.ts';
import { sgd } from '../src/optim/sgd.ts';
import { buildFrozen, modelParams } from '../src/program/evalProgram.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { stopGradient } from '../src/ops/elementwise.ts';
import { type TrainSpec, trainProgram } from '../src/program/trainProgram.ts';
import { stream } from '../src/random/stream.ts';
import { runUpdates } from '../src/train/stageLoop.ts';
import { batchInputs } from '../src/train/batch.ts';
import type { TrainBatch } from '../src/train/batch.ts';
import { TrainState } from '../src/train/trainState.ts';

const SIDE = 8;
const vit = (more: object = {}) =>
  buildModel(variantConfig('vit_pico_patch4', { imageSize: SIDE, classes: 3, width: 12, depth: 2, heads: 2, ...more }));
const supervised = methodNamed('supervised');

function spec(batch: number, accumulate: number, ema = false): TrainSpec {
  return {
    batch,
    accumulate,
    ema,
    student: vit(),
    loss: (context) => supervised.loss({ ...context, config: { labelSmoothing: 0.1, loss: 'crossEntropy' } }),
    optimiser: sgd({ momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
    pixels: [3, SIDE, SIDE],
  };
}

/** Rows `from` to `from + batch` of an endless fixed stream of images. */
function images(from: number, batch: number): TrainBatch {
  const random = (row: number) => stream('images', row);
  const pixels = Float32Array.from({ length: batch * 3 * SIDE * SIDE }, () => 0);
  for (let row = 0; row < batch; row++) {
    const draw = random(from + row);
    for (let i = 0; i < 3 * SIDE * SIDE; i++) pixels[row * 3 * SIDE * SIDE + i] = draw.normal();
  }
  const labels = Int32Array.from({ length: batch }, (_, row) => (from + row) % 3);
  return { images: pixels, labels, waitSeconds: 0, release: () => undefined };
}

async function train(given: TrainSpec, updates: number, emaDecay: number | null = null, poison = -1) {
  const engine = ortNode({ threads: 1 });
  const program = trainProgram(given);
  const state = new TrainState(engine, program);
  state.write(new Map(), 1);
  let row = 0;
  const losses: number[] = [];
  const before = async () => new Map([...(await state.read())].map(([name, { data }]) => [name, data.slice()]));
  const run = runUpdates({
    clock: systemClock,
    engine,
    program,
    state,
    update: await engine.compile(program.update),
    accumulateStep: program.accumulate && (await engine.compile(program.accumulate)),
    accumulate: given.accumulate,
    inputs: async () => {
      const batch = images(row, given.batch);
      if (row <= poison && poison < row + given.batch) batch.images[7] = Number.NaN;
      row += given.batch;
      return batchInputs(engine, batch, 3, SIDE);
    },
    batch: given.batch,
    stage: 0,
    from: 0,
    to: updates,
    totalSteps: updates,
    updatesPerEpoch: 100,
    schedule: () => 0.05,
    emaDecay,
    seed: 5,
    emit: (event) => event.type === 'step' && losses.push(event.loss),
    pause: () => false,
  });
  return { run, losses, read: before };
}

describe('gradient accumulation', () => {
  it('two micro-batches of 3 give the update of one batch of 6', async () => {
    const [whole, halves] = [await train(spec(6, 1), 3), await train(spec(3, 2), 3)];
    expect(await whole.run).toBe(3);
    expect(await halves.run).toBe(3);
    for (const [i, loss] of whole.losses.entries()) expect(halves.losses[i]).toBeCloseTo(loss, 5);
    const [a, b] = [await whole.read(), await halves.read()];
    expect([...b.keys()]).toEqual([...a.keys()]);
    for (const [name, values] of a)
      for (const [i, value] of values.entries()) expect(Math.abs(b.get(name)![i]! - value), name).toBeLessThan(2e-5);
    expect(whole.losses[2]).not.toBe(whole.losses[0]);
  });
});

describe('a loss that is not a number', () => {
  it('stops before the update, names step and term, and leaves the state of the step before', async () => {
    const [good, bad] = [await train(spec(3, 1), 2), await train(spec(3, 1), 5, null, 6)];
    await good.run;
    await expect(bad.run).rejects.toThrow(/step 3: loss term "ce" is NaN.*not applied.*checkpoints\/last/);
    const [a, b] = [await good.read(), await bad.read()];
    for (const [name, values] of a) expect(b.get(name), name).toEqual(values);
  });

  it('in a micro-batch stops as well', async () => {
    const bad = await train(spec(3, 2), 5, null, 3);
    await expect(bad.run).rejects.toThrow(/step 1: loss term "ce" is NaN/);
  });
});

describe('the moving average', () => {
  it('follows the weights by its decay', async () => {
    const one = await train(spec(3, 1, true), 1, 0.75);
    const start = await one.read();
    await one.run;
    const after = await one.read();
    for (const [name, value] of start) {
      if (!name.startsWith('ema.')) continue;
      const now = after.get(name.replace('ema.', 'param.'))!;
      for (const [i, old] of value.entries()) expect(after.get(name)![i]).toBeCloseTo(0.75 * old + 0.25 * now[i]!, 6);
    }
    expect([...start.keys()].some((name) => name.startsWith('ema.'))).toBe(true);
  });
});

describe('the teacher', () => {
  const teacher = buildModel(variantConfig('resnet8_small', { imageSize: SIDE, classes: 3, widths: [4, 6, 8] }));
  const weights = new Map(modelParams(teacher).map((p) => [p.name, { shape: p.shape, data: initialValue(p, 3) }]));
  const dearkd = methodNamed('dearkd');
  const config = dearkd.config.parse({ beta: 1, pairs: [{ block: 0, stage: 's2' }] });
  const stage = (method: typeof dearkd, settings: unknown, withTeacher: boolean): TrainSpec => ({
    batch: 2,
    accumulate: 1,
    ema: false,
    student: vit({ mhca: { layers: 1, combine: 'sum', dropout: 0.1, locality: 1 } }),
    ...(withTeacher
      ? {
          teacher: (pixels) => {
            const { logits, maps } = buildFrozen(teacher, pixels, weights);
            return {
              logits: stopGradient(logits),
              maps: Object.fromEntries(Object.entries(maps!).map(([k, t]) => [k, stopGradient(t)])),
            };
          },
        }
      : {}),
    loss: (context) => method.loss({ ...context, config: settings }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
    pixels: [3, SIDE, SIDE],
  });
  const labels = (given: TrainSpec) => {
    const { update } = trainProgram(given);
    return topologicalOrder([...update.outputs.values()]).map((node) => node.label);
  };

  it('is in the graph of DearKD’s first stage and not in that of its second', () => {
    const isTeacher = (label: string) => label === 'teacher' || /^(conv1|bn1|layer\d|fc)(\.|$)/.test(label);
    expect(labels(stage(dearkd, config, true)).filter(isTeacher).length).toBeGreaterThan(20);
    expect(labels(stage(supervised, { labelSmoothing: 0.1 }, false)).filter(isTeacher)).toEqual([]);
  });

  it('is no parameter, and its weights are the same bytes after training', async () => {
    const copies = new Map([...weights].map(([name, { data }]) => [name, data.slice()]));
    const given = stage(dearkd, config, true);
    const names = trainProgram(given).vectors.flatMap(({ entries }) => entries.map(({ spec }) => spec.name));
    expect(names.filter((name) => weights.has(name))).toEqual([]);
    expect(names).toContain('method.aligner.0.conv.weight');
    const { run } = await train(given, 2);
    await run;
    for (const [name, data] of copies) expect(weights.get(name)!.data, name).toEqual(data);
  });
});

describe('the stages of dearkd', () => {
  it('share its label smoothing, unless the second has its own', () => {
    const plan = (methods: Record<string, Record<string, unknown>>) =>
      planStages(
        runSchema.parse({ data: { dir: '.' }, student: { name: 'x' }, method: 'dearkd', methods }),
        12,
        10,
      ).map(({ name, settings, to }) => [name, (settings as { labelSmoothing: number }).labelSmoothing, to]);
    expect(plan({})).toEqual([
      ['dearkd', 0.1, 100],
      ['supervised', 0.1, 120],
    ]);
    expect(plan({ dearkd: { labelSmoothing: 0 } })).toEqual([
      ['dearkd', 0, 100],
      ['supervised', 0, 120],
    ]);
    expect(plan({ dearkd: { labelSmoothing: 0 }, supervised: { labelSmoothing: 0.2 } })[1]).toEqual([
      'supervised',
      0.2,
      120,
    ]);
  });
});

describe('values of --set', () => {
  it('are YAML, as the README writes them', () => {
    const target: Record<string, unknown> = {};
    setOverride(target, 'methods.dearkd.pairs=[{block: 0, stage: s1}]');
    setOverride(target, 'data.valFraction=.25');
    setOverride(target, 'optim.lr=1e-3');
    setOverride(target, 'teacher=null');
    setOverride(target, 'student.name=vit_pico_patch4');
    expect(target).toEqual({
      methods: { dearkd: { pairs: [{ block: 0, stage: 's1' }] } },
      data: { valFraction: 0.25 },
      optim: { lr: 1e-3 },
      teacher: null,
      student: { name: 'vit_pico_patch4' },
    });
  });
});

describe('dearkd.mhca', () => {
  it('takes one switch alone; the layers stay automatic', () => {
    const { mhca } = methodNamed('dearkd').config.parse({ mhca: { combine: 'gated' } }) as { mhca: unknown };
    expect(mhca).toEqual({ layers: 'auto', combine: 'gated', dropout: 0.1, locality: 1 });
  });
});
