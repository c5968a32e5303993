import { afterAll, describe, expect, it } from 'vitest';
import type { OpenLanes } from '../src/engine/contract.ts';
import { systemClock } from '../src/host/clock.ts';
import { engineContract } from '../src/engine/contractSuite.ts';
import { laneNode, openLanes } from '../src/engine/laneNode.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { input } from '../src/graph/build.ts';
import { methodNamed } from '../src/methods/index.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { ZEROS } from '../src/nn/scope.ts';
import { mul, neg } from '../src/ops/elementwise.ts';
import { gather } from '../src/ops/gather.ts';
import { reduceMax, reduceMean } from '../src/ops/reduce.ts';
import { adamw } from '../src/optim/adamw.ts';
import { closeProgram } from '../src/program/program.ts';
import { type TrainSpec, trainProgram } from '../src/program/trainProgram.ts';
import { stream } from '../src/random/stream.ts';
import { Lanes } from '../src/train/lanes.ts';
import { runUpdates } from '../src/train/stageLoop.ts';
import { batchInputs } from '../src/train/batch.ts';
import type { TrainBatch } from '../src/train/batch.ts';
import { TrainState } from '../src/train/trainState.ts';

const [SIDE, CLASSES, BATCH] = [32, 5, 6];
/** One thread each, as the engine they are held to: how many there are decides how ONNX Runtime rounds. */
const lanes = openLanes(2, 2);
afterAll(() => lanes.close());

const supervised = methodNamed('supervised');
const spec = (accumulate: number, name = 'vit_pico_patch4'): TrainSpec => ({
  batch: BATCH,
  accumulate,
  ema: true,
  student: buildModel(
    variantConfig(
      name,
      name.startsWith('vit')
        ? { imageSize: SIDE, classes: CLASSES, width: 48, depth: 2, heads: 3, dropPath: 0.2 }
        : { imageSize: SIDE, classes: CLASSES, depths: [1, 1], widths: [8, 16] },
    ),
  ),
  loss: (context) => supervised.loss({ ...context, config: { labelSmoothing: 0.1, loss: 'crossEntropy' } }),
  optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
  pixels: [3, SIDE, SIDE],
});

function images(micro: number): TrainBatch {
  const random = stream('lanes', micro);
  return {
    images: Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal()),
    labels: Int32Array.from({ length: BATCH }, () => random.below(CLASSES)),
    waitSeconds: 0,
    release: () => undefined,
  };
}

/** Three updates; gives the state, the losses and the gradients' norms. */
async function train(given: TrainSpec, open: OpenLanes | undefined, poison = -1) {
  const engine = ortNode({ threads: 1 });
  const program = trainProgram(given);
  const state = new TrainState(engine, program);
  state.write(new Map(), 1);
  const told: number[] = [];
  const inLanes = open && (await Lanes.open(engine, open.engines, program.inParts!()));
  const before = async () => new Map([...(await state.read())].map(([name, { data }]) => [name, data.slice()]));
  const run = runUpdates({
    clock: systemClock,
    engine,
    program,
    state,
    update: inLanes ?? (await engine.compile(program.update)),
    accumulateStep: program.accumulate && (await engine.compile(program.accumulate)),
    accumulate: given.accumulate,
    inputs: async (step, micro, lane) => {
      const batch = images(step * given.accumulate + micro);
      if (step === poison && micro === 1) batch.images[7] = Number.NaN;
      return batchInputs(lane === undefined ? engine : open!.engines[lane]!, batch, CLASSES, SIDE);
    },
    batch: BATCH,
    stage: 0,
    from: 0,
    to: 3,
    totalSteps: 3,
    updatesPerEpoch: 100,
    schedule: () => 0.01,
    emaDecay: 0.9,
    seed: 5,
    emit: (event) => event.type === 'step' && told.push(event.loss, event.gradNorm, ...Object.values(event.terms)),
    pause: () => false,
  });
  const error = await run.then(
    () => undefined,
    (thrown: Error) => thrown.message,
  );
  await inLanes?.dispose();
  return { state: await before(), told, error };
}

describe('lanes', () => {
  it.each([
    [2, 'vit_pico_patch4', 'param.head.bias'],
    [3, 'vit_pico_patch4', 'param.head.bias'],
    // Its running statistics are taken over from each micro-batch in their order.
    [3, 'resnet18', 'param.bn1.running_mean'],
  ] as const)(
    'give the state of one after the other, bit for bit: %i micro-batches of %s on two lanes',
    async (count, name, moved) => {
      const [alone, beside] = [await train(spec(count, name), undefined), await train(spec(count, name), lanes)];
      expect(beside.told).toEqual(alone.told);
      expect(alone.told.length).toBeGreaterThan(6);
      expect([...beside.state.keys()]).toEqual([...alone.state.keys()]);
      for (const [name, values] of alone.state) expect(beside.state.get(name), name).toEqual(values);
      // The steps moved the weights: equal states say something.
      expect(alone.state.get(moved)!.every((x) => x !== 0)).toBe(true);
    },
  );

  it('leave the state whole where a micro-batch gives no number', async () => {
    const [alone, beside] = [await train(spec(2), undefined, 1), await train(spec(2), lanes, 1)];
    expect(beside.error).toMatch(/^step 2: loss term "ce" is NaN. The update was not applied/);
    expect(beside.error).toBe(alone.error);
    expect(beside.state.get('param.head.bias')).toEqual(alone.state.get('param.head.bias'));
    expect(beside.told).toEqual(alone.told);
  });

  it('are not offered where a micro-batch reads what the one before it changed', () => {
    const remembering: TrainSpec = {
      ...spec(2),
      loss: (context) => {
        const mean = context.scope.state('mean', [CLASSES], ZEROS);
        context.scope.update('mean', reduceMean(context.student.logits, { axes: [0], keepDims: false }));
        return { drift: { value: reduceMean(mul(mean, mean)), weight: 1 } };
      },
    };
    expect(trainProgram(remembering).inParts).toBeUndefined();
    expect(trainProgram(spec(2)).inParts).toBeDefined();
  });
});

describe('a lane', () => {
  it('throws what goes wrong in a run, and computes on', async () => {
    const [engine] = lanes.engines;
    const program = closeProgram({ y: gather(input('x', [3]), input('at', [1], 'int64'), 0) });
    const compiled = await engine!.compile(program);
    const x = engine!.tensor('float32', [3], Float32Array.of(1, 2, 3));
    const y = engine!.empty('float32', [1]);
    const at = (i: bigint) => engine!.tensor('int64', [1], BigInt64Array.of(i));
    await expect(compiled.run({ x, at: at(7n) }, { y })).rejects.toThrow(/out of/);
    await compiled.run({ x, at: at(2n) }, { y });
    expect(await y.read()).toEqual(Float32Array.of(3));
    await compiled.dispose();
  });

  it('takes a target under two names again and again', async () => {
    const [engine] = lanes.engines;
    const x = input('x', [3]);
    const compiled = await engine!.compile(closeProgram({ y: neg(x), z: neg(x) }));
    const y = engine!.empty('float32', [3]);
    for (const sign of [1, -1, 1]) {
      await compiled.run({ x: engine!.tensor('float32', [3], Float32Array.of(sign, 2, 3)) }, { y, z: y });
      expect(await y.read()).toEqual(Float32Array.of(-sign, -2, -3));
    }
    await compiled.dispose();
  });

  it('keeps no memory of what it was fed', async () => {
    const [engine] = lanes.engines;
    const size = 5_000_000;
    const compiled = await engine!.compile(closeProgram({ y: reduceMax(input('x', [size])) }));
    const y = engine!.empty('float32', []);
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const data = new Float32Array(size).fill(i);
        await compiled.run({ x: engine!.tensor('float32', [size], data) }, { y });
        expect((await y.read())[0]).toBe(i);
      }
    };
    await run(5);
    const before = process.memoryUsage().rss;
    await run(40);
    // 40 x 20 MB, were they kept.
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    await compiled.dispose();
  });

  it('refuses what it is asked after its end, rather than wait for ever', async () => {
    const lane = laneNode(1);
    const compiled = await lane.compile(closeProgram({ y: gather(input('x', [3]), input('at', [1], 'int64'), 0) }));
    await lane.close();
    await expect(compiled.dispose()).rejects.toThrow('a lane ended early');
  });
});

engineContract(laneNode(1));
