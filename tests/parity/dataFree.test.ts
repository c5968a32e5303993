import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/host/clock.ts';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { topologicalOrder } from '../../src/graph/walk.ts';
import { adaptivePrior } from '../../src/losses/adaptive.ts';
import { boundaryDivergence, type BoundaryVariant } from '../../src/losses/boundary.ts';
import { meanLength, totalVariation1, totalVariation2 } from '../../src/losses/imagePriors.ts';
import { normPrior } from '../../src/losses/normPrior.ts';
import { buildModel } from '../../src/models/index.ts';
import { adamw } from '../../src/optim/adamw.ts';
import { warmupCosine } from '../../src/optim/schedule.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { imageStep, type ImageSpec } from '../../src/program/imageStep.ts';
import { shiftMatrices } from '../../src/program/shifts.ts';
import { trainProgram } from '../../src/program/trainProgram.ts';
import { runUpdates } from '../../src/train/stageLoop.ts';
import { TrainState } from '../../src/train/trainState.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';
import { oneHot, runOrt } from './harness.ts';

type Ports = (name: string) => Tensor;

function weightsOf(golden: Golden, prefix: string) {
  return new Map(
    [...golden.group(prefix)].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );
}

function teacherOf({ config }: Golden) {
  const { stem, block, depths, widths, classes, imageSize } = config;
  return buildModel({ family: 'resnet', stem, block, depths, widths, classes, imageSize } as Parameters<
    typeof buildModel
  >[0]);
}

const TERMS: Record<string, (golden: Golden, port: Ports) => Tensor> = {
  tv1: (_, port) => totalVariation1(port('images')),
  tv2: (_, port) => totalVariation2(port('images')),
  length: (_, port) => meanLength(port('images')),
  adaptive: (_, port) => adaptivePrior(port('student'), port('teacher')),
  boundary: ({ config }, port) =>
    boundaryDivergence(port('features'), port('targets'), config.margin as number, config.variant as BoundaryVariant),
  normPrior: (golden, port) => {
    const { normStats } = buildFrozen(teacherOf(golden), port('images'), weightsOf(golden, 'param.'));
    return normPrior(normStats!, golden.config.first as number);
  },
};

const BOUNDARY = ['Fill', 'Expand'].flatMap((variant) =>
  ['', 'Lonely', 'OneClass', 'Pairs'].map((kind) => `boundary${variant}${kind}`),
);
const CASES = [
  'tv1',
  'tv2',
  'length',
  'adaptive',
  'adaptiveHuge',
  'adaptiveNear',
  ...BOUNDARY,
  'normPrior',
  'normPriorFirst',
];

function build(golden: Golden) {
  const feeds = new Map<string, NdArray>([...golden.group('input.')]);
  const labels = feeds.get('labels');
  if (labels) feeds.set('targets', oneHot(labels, 12));
  const ports = new Map<string, Tensor>();
  const port = (name: string) => {
    if (!ports.has(name)) ports.set(name, input(name, feeds.get(name)!.shape));
    return ports.get(name)!;
  };
  const loss = TERMS[golden.config.term as string]!(golden, port);
  const names = [...golden.group('grad.').keys()];
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  grad(loss, names.map(port)).forEach((g, i) => void outputs.set(`grad.${names[i]}`, g));
  return { outputs, feeds };
}

/** A wanted zero is held to be exactly 0. */
function close(name: string, got: ArrayLike<number>, want: NdArray, tolerance: number): void {
  if (Array.from(want.data).every((x) => x === 0))
    expect(
      Array.from(got).every((x) => Math.abs(x) === 0),
      name,
    ).toBe(true);
  else expectClose(name, got, want, tolerance);
}

describe.each(CASES)('%s equals PyTorch', (name) => {
  const golden = readGolden(`dataFree/${name}`);
  const { outputs, feeds } = build(golden);

  it('value and gradient, in float64', () => {
    const values = evaluate([...outputs.values()], feeds);
    [...outputs.keys()].forEach((key, i) => void close(key, values[i]!.data as Float64Array, golden.get(key), 1e-9));
  });

  it('value and gradient, on ONNX Runtime', async () => {
    for (const [key, value] of await runOrt(outputs, feeds)) close(key, value, golden.get(key), 2e-5);
  });
});

describe('where a term ends', () => {
  it('R_BN and its gradient are 0 on a batch whose statistics are the running ones', async () => {
    const x = { dtype: 'float32', shape: [2, 1, 1, 2], data: Float64Array.of(-1, 3, 1, 5) } as const;
    const images = input('images', x.shape);
    const constants = (value: number) => input(`c${value}`, [1]);
    const loss = normPrior([{ name: 'bn', input: images, mean: constants(2), variance: constants(5) }]);
    const feeds = new Map<string, NdArray>([
      ['images', x],
      ['c2', { dtype: 'float32', shape: [1], data: [2] }],
      ['c5', { dtype: 'float32', shape: [1], data: [5] }],
    ]);
    const outputs = new Map([
      ['loss', loss],
      ['grad', grad(loss, [images])[0]!],
    ]);
    const found = await runOrt(outputs, feeds);
    expect([...found.values()].flat().map(Math.abs)).toEqual([0, 0, 0, 0, 0]);
    const moved = await runOrt(outputs, new Map([...feeds, ['c2', { dtype: 'float32', shape: [1], data: [1] }]]));
    // The mean is 2, not 1; the variance 5 stays: the gap is 1 and each pixel moves the mean by a quarter.
    expect(moved.get('loss')![0]).toBeCloseTo(1, 6);
    expect(moved.get('grad')!.map((g) => Number(g.toFixed(6)))).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it('two equal images of a class are pushed by nothing rather than by NaN, and past the bound BPID is 0', async () => {
    const z = { dtype: 'float32', shape: [4, 2], data: Float64Array.of(1, 0, 1, 0, 0, 1, 0, 1) } as const;
    const features = input('features', z.shape);
    const targets = input('targets', [4, 2]);
    const rows = { dtype: 'float32', shape: [4, 2], data: Float64Array.of(1, 0, 1, 0, 0, 1, 0, 1) } as const;
    const loss = boundaryDivergence(features, targets, 0.1, 'expand');
    const found = await runOrt(
      new Map([
        ['loss', loss],
        ['grad', grad(loss, [features])[0]!],
      ]),
      new Map<string, NdArray>([
        ['features', z],
        ['targets', rows],
      ]),
    );
    expect(found.get('loss')![0]).toBeCloseTo(Math.SQRT2 - 0.1, 6);
    expect(found.get('grad')!.map(Math.abs)).toEqual(new Array(8).fill(0));
    // With a margin wider than the way to the other class the bound lies behind the nearest positive.
    const past = boundaryDivergence(features, targets, 1.5, 'expand');
    expect(
      (
        await runOrt(
          new Map([['loss', past]]),
          new Map<string, NdArray>([
            ['features', z],
            ['targets', rows],
          ]),
        )
      ).get('loss'),
    ).toEqual([0]);
  });
});

/** Runs a golden trajectory through the same loop as training. */
async function follow(golden: Golden) {
  const { config } = golden;
  const number = (key: string) => config[key] as number;
  // As the preset cifar10: torch's Adam, a constant rate, no clipping.
  const cifar10 = config.cifar10 === true;
  const labels = Int32Array.from(golden.get('input.labels').data);
  const network = teacherOf(golden);
  const [weights, other] = [weightsOf(golden, 'param.'), weightsOf(golden, 'student.')];
  const engine = ortNode({ threads: 1 });
  const losses: number[] = [];
  let images = Float32Array.from(golden.get('input.images').data);
  let last: ReturnType<typeof trainProgram> | undefined;
  for (const [shrink, iterations] of config.phases as [number, number, number][]) {
    const spec: ImageSpec = {
      batch: 8,
      side: 12,
      classes: 3,
      grey: config.grey as boolean,
      mean: config.mean as [number, number, number],
      std: config.std as [number, number, number],
      shrink,
      weights: {
        ce: 1,
        tv1: number('tv1'),
        tv2: number('tv2'),
        l2: number('l2'),
        feature: number('feature'),
        firstNorm: number('first'),
        adi: other.size > 0 ? number('adi') : 0,
        bpid: number('bpid'),
      },
      boundary: { variant: 'fill', margin: number('margin') },
      teacher: (pixels) => buildFrozen(network, pixels, weights),
      student: other.size > 0 ? (pixels) => buildFrozen(network, pixels, other) : undefined,
      optimiser: adamw({ betas: cifar10 ? [0.9, 0.999] : [0.5, 0.9], epsilon: 1e-8, weightDecay: 0 }),
      clip: !cifar10,
    };
    const program = trainProgram(imageStep(spec));
    last = program;
    const state = new TrainState(engine, program);
    state.write(new Map([['param.images', { shape: golden.get('input.images').shape, data: images }]]), 0);
    const update = await engine.compile(program.update);
    const done = losses.length;
    const side = 12 / shrink;
    const warmupSteps = Math.min(number('warmup'), iterations - 1);
    await runUpdates({
      clock: systemClock,
      engine,
      program,
      update,
      accumulateStep: undefined,
      accumulate: 1,
      state,
      batch: 8,
      stage: 0,
      from: 0,
      to: iterations,
      totalSteps: iterations,
      updatesPerEpoch: iterations,
      emaDecay: null,
      seed: 0,
      schedule: cifar10
        ? () => number('lr')
        : warmupCosine({
            lr: number('lr'),
            minLr: 0,
            warmupLr: number('lr') / warmupSteps,
            warmupSteps,
            totalSteps: iterations,
          }),
      inputs: async (step) => {
        const [down, right, mirrored] = Array.from(golden.get('input.rolls').data).slice(3 * (done + step));
        const { rows, columns } = shiftMatrices({ down: down!, right: right!, mirrored: mirrored === 1 }, side);
        const feeds = {
          'batch.targets': engine.tensor(
            'float32',
            [8, 3],
            Float32Array.from(oneHot({ dtype: 'int64', shape: [8], data: labels }, 3).data),
          ),
          'batch.rows': engine.tensor('float32', [side, side], rows),
          'batch.columns': engine.tensor('float32', [side, side], columns),
        };
        return { feeds, waitSeconds: 0, release: () => undefined };
      },
      emit: () => undefined,
      measured: async (_, loss) => void losses.push(loss),
      pause: () => false,
    });
    images = (await state.read()).get('param.images')!.data.slice();
    await update.dispose();
  }
  return { losses, images, program: last! };
}

describe.each(['trajectory', 'trajectoryTwoSizes', 'trajectoryGreyStudent', 'trajectoryCifar10'])(
  '%s: 20 iterations equal PyTorch',
  (name) => {
    it('each loss and the last images', async () => {
      const golden = readGolden(`dataFree/${name}`);
      const { losses, images, program } = await follow(golden);
      expect(losses).toHaveLength(20);
      expectClose('losses', losses, golden.get('output.losses'), 2e-4);
      expectClose('images', images, golden.get('output.images'), 2e-3);
      // The images are the only parameters, and nothing of a convolution's weight shape is ever computed.
      expect([...program.update.inputs.keys()].filter((port) => port.startsWith('param.'))).toEqual(['param.plain']);
      expect([...program.update.outputs.keys()].filter((port) => port.startsWith('next.'))).toEqual([
        'next.param.plain',
        'next.slot.m.plain',
        'next.slot.v.plain',
      ]);
      const computed = topologicalOrder([...program.update.outputs.values()]).filter(
        ({ op }) => op.name !== 'Constant',
      );
      const shapes = new Set(computed.flatMap(({ outputs }) => outputs.map(({ shape }) => shape.join())));
      // (A kernel of 1 x 1 has the shape of a batch's channel means.) The way back goes through every convolution, so through as many as the way there.
      expect(computed.filter(({ op }) => /^Conv/.test(op.name)).length).toBeGreaterThanOrEqual(12);
      const kernels = [...golden.group('param.').values()].filter(({ shape }) => (shape[2] ?? 1) > 1);
      expect(kernels.filter(({ shape }) => shapes.has(shape.join()))).toEqual([]);
      expect(topologicalOrder([...program.update.outputs.values()]).length).toBeGreaterThan(50);
    });
  },
);
