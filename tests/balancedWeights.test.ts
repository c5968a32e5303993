import { describe, expect, it } from 'vitest';
import { ortNode } from '../src/engine/ortNode.ts';
import { systemClock } from '../src/host/clock.ts';
import { crossEntropy } from '../src/losses/crossEntropy.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { mul } from '../src/ops/elementwise.ts';
import { reduceMean } from '../src/ops/reduce.ts';
import { sgd } from '../src/optim/sgd.ts';
import { type BalanceForm, weightsFromShares } from '../src/program/balanced.ts';
import type { ComparedBy } from '../src/program/gradientProgram.ts';
import { type TrainSpec, trainProgram } from '../src/program/trainProgram.ts';
import { stream } from '../src/random/stream.ts';
import { Balancer, gramOf } from '../src/train/balance/balancer.ts';
import { minNorm } from '../src/train/balance/minNorm.ts';
import type { BalanceRule } from '../src/train/balance/rules.ts';
import { batchInputs } from '../src/train/batch.ts';
import type { StepEvent } from '../src/train/events.ts';
import { runUpdates } from '../src/train/stageLoop.ts';
import { TrainState } from '../src/train/trainState.ts';

const [SIDE, CLASSES, BATCH] = [8, 3, 4];
const FORM: BalanceForm = { logLoss: true, floor: 1e-3, minLoss: {}, normalise: 'sum' };
const RULE: BalanceRule = { ...FORM, rule: 'closed', smooth: 0.9, shareMin: 0, lr: 0.025, decay: 0.01 };

/** Two terms that share a student; the second one `times` as large as it was. */
const spec = (
  balance?: BalanceForm,
  more: { times?: number; accumulate?: number; dropPath?: number } = {},
): TrainSpec => ({
  batch: BATCH,
  accumulate: more.accumulate ?? 1,
  ema: false,
  student: buildModel(
    variantConfig('vit_pico_patch4', {
      ...{ imageSize: SIDE, classes: CLASSES, width: 8, depth: 2, heads: 2 },
      dropPath: more.dropPath ?? 0,
    }),
  ),
  loss: ({ student, targets }) => ({
    ce: { value: crossEntropy(student.logits, targets!), weight: 1 },
    size: { value: mul(reduceMean(mul(student.norm!, student.norm!)), more.times ?? 1), weight: 1 },
  }),
  optimiser: sgd({ momentum: 0, nesterov: false, weightDecay: 0 }),
  pixels: [3, SIDE, SIDE],
  balance,
});

interface Given {
  readonly rule?: Partial<BalanceRule>;
  readonly every?: number;
  readonly params?: ComparedBy;
  readonly balanced?: boolean;
}

/** Some updates; what they told, and the state after them. */
async function train(
  given: TrainSpec,
  { rule = {}, every = 1, params = 'shared', balanced = true }: Given,
  to: number,
) {
  const engine = ortNode({ threads: 1 });
  const program = trainProgram(given);
  const state = new TrainState(engine, program);
  state.write(new Map(), 1);
  const settings = { ...RULE, ...rule, every, params };
  const balancer = balanced
    ? await Balancer.open({ settings, engine, spec: given, program, from: 0 }, undefined)
    : undefined;
  const told: StepEvent[] = [];
  const shares: Readonly<Record<string, number>>[] = [];
  await runUpdates({
    ...{ engine, program, state, to, totalSteps: to, batch: BATCH, accumulate: given.accumulate, balancer },
    ...{ clock: systemClock, updatesPerEpoch: 1, stage: 0, seed: 5, from: 0, emaDecay: null },
    update: await engine.compile(program.update),
    accumulateStep: program.accumulate && (await engine.compile(program.accumulate)),
    inputs: async (step, micro) => {
      const random = stream('balance', step, micro);
      const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
      const labels = Int32Array.from({ length: BATCH }, () => random.below(CLASSES));
      return batchInputs(engine, { images, labels, waitSeconds: 0, release: () => undefined }, CLASSES, SIDE);
    },
    schedule: () => 0.1,
    emit: (event) => event.type === 'step' && told.push(event as StepEvent),
    pause: () => {
      shares.push(balancer?.state.shares ?? {});
      return false;
    },
  });
  const read = [...(await state.read())].map(([name, { data }]) => [name, data.slice()] as const);
  return { state: new Map(read), told, shares, last: balancer?.state };
}

describe('a balanced step', () => {
  it('with the shares 1/2 and 1/2 of the losses themselves it is, bit for bit, the step of weights 1 and 1', async () => {
    // The amortised rule measures from the first update on; the first one has the shares that it begins with.
    const form = { ...FORM, logLoss: false };
    const mine = await train(spec(form), { rule: { ...form, rule: 'amortised' } }, 1);
    const theirs = await train(spec(), { balanced: false }, 1);
    expect(mine.state).toEqual(theirs.state);
    expect(mine.told[0]!.loss).toBe(theirs.told[0]!.loss);
  });

  it('weighs by share / loss, which add up to the number of terms, and tells the terms so', async () => {
    const found = await train(spec(FORM), {}, 1);
    const fixed = await train(spec(), { balanced: false }, 1);
    const losses = fixed.told[0]!.terms;
    const weights = weightsFromShares({ ce: 0.5, size: 0.5 }, losses, FORM);
    expect(weights.ce! + weights.size!).toBeCloseTo(2, 12);
    expect(weights.ce! / weights.size!).toBeCloseTo(losses.size! / losses.ce!, 6);
    for (const name of ['ce', 'size'])
      expect(found.told[0]!.terms[name]).toBeCloseTo(weights[name]! * losses[name]!, 5);
    expect(found.told[0]!.loss).toBeCloseTo(found.told[0]!.terms.ce! + found.told[0]!.terms.size!, 5);
  });

  it.each(['closed', 'amortised'] as const)(
    'a term seven times as large changes neither shares nor the way, with logarithms: %s',
    async (rule) => {
      const form = { ...FORM, floor: 1e-9, normalise: 'none' } as const;
      const run = (times: number) => train(spec(form, { times }), { rule: { ...form, rule } }, 4);
      const [once, seven] = [await run(1), await run(7)];
      for (const [i, { ce }] of once.shares.entries()) expect(seven.shares[i]!.ce).toBeCloseTo(ce!, 4);
      expect(once.shares.at(-1)!.ce).not.toBeCloseTo(0.5, 3);
      for (const [name, data] of once.state)
        data.forEach((x, i) => void expect(seven.state.get(name)![i], name).toBeCloseTo(x, 4));
      const raw = { ...form, logLoss: false };
      const without = await Promise.all(
        [1, 7].map((times) => train(spec(raw, { times }), { rule: { ...raw, rule } }, 4)),
      );
      expect(Math.abs(without[0]!.shares.at(-1)!.ce! - without[1]!.shares.at(-1)!.ce!)).toBeGreaterThan(0.001);
    },
  );
});

describe('what is measured', () => {
  /** The raw gradients over the shared parameters by plain descent of one term at a time. */
  async function gradients(accumulate: number) {
    const one = async (name: 'ce' | 'size') => {
      const given = { ...spec(undefined, { accumulate }), weights: { ce: 0, size: 0, [name]: 1 } };
      const start = new Map<string, Float32Array>();
      const state = new TrainState(ortNode({ threads: 1 }), trainProgram(given));
      state.write(new Map(), 1);
      for (const [key, { data }] of await state.read()) start.set(key, data.slice());
      const { state: after, told } = await train(given, { balanced: false }, 1);
      const shared = [...start.keys()].filter((key) => !key.includes('head.'));
      return {
        vector: Float32Array.from(
          shared.flatMap((key) => [...start.get(key)!.map((x, i) => (x - after.get(key)![i]!) / 0.1)]),
        ),
        loss: told[0]!.loss,
      };
    };
    return { ce: await one('ce'), size: await one('size') };
  }

  it.each([1, 3])(
    'is the whole gradient of an update of %i micro-batches, at the state before it',
    async (accumulate) => {
      const { ce, size } = await gradients(accumulate);
      const gram = gramOf([ce.vector, size.vector]);
      const losses = [ce.loss, size.loss];
      const scaled = gram.map((row, i) => row.map((x, j) => x / (losses[i]! * losses[j]!)));
      const found = await train(spec(FORM, { accumulate }), {}, 1);
      const expected = minNorm(scaled);
      expect(expected.kind).toBe('inside');
      expect(found.shares[0]!.ce).toBeCloseTo(expected.shares[0]!, 3);
    },
  );

  it('every so many updates, and the shares stay between them', async () => {
    const { shares, last } = await train(spec(FORM), { every: 3 }, 7);
    const values = shares.map(({ ce }) => ce!);
    expect(values.slice(0, 3)).toEqual([values[0], values[0], values[0]]);
    expect(values.slice(3, 6)).toEqual([values[3], values[3], values[3]]);
    expect(new Set(values).size).toBe(3);
    expect(last!.measured).toBe(3);
  });

  it.each(['lastBlock', 'features'] as const)('by %s: shares of their own', async (params) => {
    const found = await train(spec(FORM, { accumulate: 2 }), { params }, 2);
    const shared = await train(spec(FORM, { accumulate: 2 }), {}, 2);
    expect(found.shares[1]!.ce! + found.shares[1]!.size!).toBeCloseTo(1, 9);
    expect(Math.abs(found.shares[1]!.ce! - shared.shares[1]!.ce!)).toBeGreaterThan(1e-4);
  });

  it('amortised: by how much each loss of the same images and masks fell, so that no update is next to none', async () => {
    const engine = ortNode({ threads: 1 });
    const given = spec(FORM, { dropPath: 0.5 });
    const program = trainProgram(given);
    const state = new TrainState(engine, program);
    state.write(new Map(), 1);
    const settings = { ...RULE, rule: 'amortised', decay: 0, every: 1, params: 'shared' } as const;
    const balancer = await Balancer.open({ settings, engine, spec: given, program, from: 0 }, undefined);
    await runUpdates({
      ...{
        engine,
        program,
        state,
        to: 3,
        totalSteps: 3,
        batch: BATCH,
        accumulate: 1,
        balancer,
        accumulateStep: undefined,
      },
      ...{ clock: systemClock, updatesPerEpoch: 1, stage: 0, seed: 5, from: 0, emaDecay: null },
      update: await engine.compile(program.update),
      inputs: async (step) => {
        const random = stream('balance', step);
        const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
        const labels = Int32Array.of(0, 1, 2, 0);
        return batchInputs(engine, { images, labels, waitSeconds: 0, release: () => undefined }, CLASSES, SIDE);
      },
      schedule: () => 0,
      emit: () => undefined,
      pause: () => false,
    });
    // Two graphs round otherwise; with other masks or images the losses would move by much more.
    expect(Math.abs(balancer.state.first.ce!)).toBeLessThan(1e-6);
    expect(balancer.state.measured).toBe(3);
  });

  it('by the last block refuses a student without blocks', async () => {
    const resnet = {
      ...spec(FORM),
      student: buildModel(variantConfig('resnet8_small', { imageSize: SIDE, classes: CLASSES, widths: [4, 4, 4] })),
    };
    const flat: TrainSpec = {
      ...resnet,
      loss: ({ student, targets }) => ({
        ce: { value: crossEntropy(student.logits, targets!), weight: 1 },
        size: { value: reduceMean(mul(student.logits, student.logits)), weight: 1 },
      }),
    };
    await expect(train(flat, { params: 'lastBlock' }, 1)).rejects.toThrow(/weights\.params=shared/);
  });
});
