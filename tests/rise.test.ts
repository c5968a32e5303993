import { afterAll, describe, expect, it } from 'vitest';
import { openLanes } from '../src/engine/laneNode.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { input } from '../src/graph/build.ts';
import { systemClock } from '../src/host/clock.ts';
import { methodNamed } from '../src/methods/index.ts';
import type { Term } from '../src/methods/method.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { crossEntropy } from '../src/losses/crossEntropy.ts';
import { inputStore, Scope } from '../src/nn/scope.ts';
import { sgd } from '../src/optim/sgd.ts';
import { type TrainSpec, trainProgram } from '../src/program/trainProgram.ts';
import { stream } from '../src/random/stream.ts';
import { batchInputs } from '../src/train/batch.ts';
import type { StepEvent } from '../src/train/events.ts';
import { Lanes } from '../src/train/lanes.ts';
import { describeRises, weightsAt } from '../src/train/rise.ts';
import { runUpdates } from '../src/train/stageLoop.ts';
import { type StateArray, TrainState } from '../src/train/trainState.ts';

const [SIDE, CLASSES, BATCH, UPDATES] = [8, 3, 2, 4];
const lanes = openLanes(2, 2);
afterAll(() => lanes.close());

const spec = (accumulate: number, term: Omit<Term, 'value'>): TrainSpec => ({
  batch: BATCH,
  accumulate,
  ema: false,
  student: buildModel(
    variantConfig('vit_pico_patch4', { imageSize: SIDE, classes: CLASSES, width: 8, depth: 1, heads: 2 }),
  ),
  loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets!), ...term } }),
  optimiser: sgd({ momentum: 0, nesterov: false, weightDecay: 0 }),
  pixels: [3, SIDE, SIDE],
});

type State = Map<string, StateArray>;
interface Trained {
  readonly state: State;
  readonly told: readonly StepEvent[];
}

/** Updates `from` to `to` of a run with an update an epoch. */
async function train(given: TrainSpec, how: 'lanes' | 'inTurn', state: State, from: number, to: number) {
  const engine = ortNode({ threads: 1 });
  const program = trainProgram(given);
  const held = new TrainState(engine, program);
  held.write(state, 1);
  const told: StepEvent[] = [];
  const inLanes = how === 'lanes' ? await Lanes.open(engine, lanes.engines, program.inParts!()) : undefined;
  await runUpdates({
    clock: systemClock,
    ...{ engine, program, state: held, from, to, totalSteps: to, updatesPerEpoch: 1, batch: BATCH, stage: 0, seed: 5 },
    update: inLanes ?? (await engine.compile(program.update)),
    accumulateStep: program.accumulate && (await engine.compile(program.accumulate)),
    accumulate: given.accumulate,
    inputs: async (step, micro, lane) => {
      const random = stream('rise', step, micro);
      const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
      const labels = Int32Array.from({ length: BATCH }, () => random.below(CLASSES));
      const batch = { images, labels, waitSeconds: 0, release: () => undefined };
      return batchInputs(lane === undefined ? engine : lanes.engines[lane]!, batch, CLASSES, SIDE);
    },
    schedule: () => 0.1,
    emaDecay: null,
    emit: (event) => event.type === 'step' && told.push(event as StepEvent),
    pause: () => false,
  });
  await inLanes?.dispose();
  const read = [...(await held.read())].map(
    ([name, { shape, data }]) => [name, { shape, data: data.slice() }] as const,
  );
  return { state: new Map(read), told } satisfies Trained;
}

describe('a weight that rises over three epochs', () => {
  it.each([
    ['one micro-batch', 1, 'inTurn'],
    ['accumulated', 2, 'inTurn'],
    ['in lanes', 2, 'lanes'],
  ] as const)('is a third, two thirds, then all of itself: %s', async (_, accumulate, how) => {
    const rising = await train(spec(accumulate, { weight: 3, rise: 3 }), how, new Map(), 0, UPDATES);
    let [state, last]: [State, Trained | undefined] = [new Map(), undefined];
    for (const [step, weight] of [1, 2, 3, 3].entries()) {
      last = await train(spec(accumulate, { weight }), 'inTurn', state, step, step + 1);
      state = last.state;
      const [mine, theirs] = [rising.told[step]!, last.told[0]!];
      expect(mine.loss / theirs.loss, `loss ${step}`).toBeCloseTo(1, 5);
      expect(mine.terms.ce! / theirs.terms.ce!, `term ${step}`).toBeCloseTo(1, 5);
      expect(mine.gradNorm / theirs.gradNorm, `gradient ${step}`).toBeCloseTo(1, 5);
    }
    for (const [name, { data }] of state)
      data.forEach((x, i) => void expect(rising.state.get(name)!.data[i], name).toBeCloseTo(x, 5));
  });
});

describe('DKD', () => {
  const dkd = methodNamed('dkd');
  const terms = (given: object) => {
    const logits = (name: string) => input(name, [BATCH, CLASSES]);
    return dkd.loss({
      scope: new Scope(inputStore(), true),
      student: { logits: logits('student') },
      teacher: { logits: logits('teacher') },
      targets: logits('targets'),
      config: dkd.config.parse(given),
    });
  };
  const program = (given: object) => {
    const of = (key: 'weight' | 'rise') =>
      Object.fromEntries(
        Object.entries(terms(given)).flatMap(([name, term]) => (key in term ? [[name, term[key]!]] : [])),
      );
    return { weights: of('weight'), rises: of('rise') };
  };

  it('rises over 20 epochs, in whole ones from 1, as mdistiller: min(epoch / 20, 1)', () => {
    const at = (epoch: number) => weightsAt(program({}), (epoch - 1) * 7 + 6, 7);
    expect(at(1)).toEqual({ ce: 1, target: 1 / 20, nonTarget: 8 / 20 });
    expect(at(13)).toEqual({ ce: 1, target: 13 / 20, nonTarget: (8 * 13) / 20 });
    for (const epoch of [20, 21, 240]) expect(at(epoch)).toEqual({ ce: 1, target: 1, nonTarget: 8 });
  });

  it('rises for both heads of a student without labels too', () => {
    const heads = { labelWeight: 0, alpha: 2 };
    const logits = (name: string) => input(name, [BATCH, CLASSES]);
    const found = dkd.loss({
      scope: new Scope(inputStore(), true),
      student: { logits: logits('student'), distLogits: logits('dist') },
      teacher: { logits: logits('teacher') },
      targets: logits('targets'),
      config: dkd.config.parse(heads),
    });
    expect(Object.entries(found).map(([name, { weight, rise }]) => [name, weight, rise])).toEqual([
      ['target', 1, 20],
      ['nonTarget', 4, 20],
      ['targetDist', 1, 20],
      ['nonTargetDist', 4, 20],
    ]);
  });

  it('has its whole weight at once where the warm-up is 0 or 1, as on ImageNet', () => {
    for (const warmupEpochs of [0, 1]) expect(program({ warmupEpochs }).rises).toEqual({});
  });

  it('tells what a run shorter than the warm-up never reaches', () => {
    expect(describeRises(program({}), 240)).toBe('weights of target, nonTarget rise over the first 20 epochs');
    expect(describeRises(program({}), 5)).toMatch(/; this run has 5, so that they end at 25 %: .* lower warmupEpochs$/);
    expect(describeRises(program({ warmupEpochs: 0 }), 5)).toBeUndefined();
  });
});
