import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import { type NdArray, ndArray } from '../../src/graph/ndArray.ts';
import { denseOfTokens } from '../../src/models/dense.ts';
import { METHODS, type Method } from '../../src/methods/index.ts';
import { mul } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { adamw } from '../../src/optim/adamw.ts';
import { trainProgram } from '../../src/program/trainProgram.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase, runOrt } from './harness.ts';

const CONFIG = ['normalise', 'whitenEpsilon', 'projector', 'distToken', 'featureWeight', 'kdWeight', 'tau'];

function vkdCase(golden: Golden): MethodCase {
  const [rows, columns] = golden.config.grid as [number, number];
  return {
    method: METHODS.vkd as Method,
    config: {
      ...Object.fromEntries([...CONFIG, 'labelSmoothing'].map((name) => [name, golden.config[name]])),
      allowWide: true,
    },
    student: (port) => ({
      logits: port('logits'),
      ...(golden.config.distToken ? { distLogits: port('distLogits') } : {}),
      dense: denseOfTokens(port('norm'), { rows, columns, prefix: golden.config.prefix as number }),
    }),
    teacher: (port) => ({ logits: port('teacherLogits'), pooled: port('pooled') }),
    terms: { ce: (t) => t.ce!.value, kd: (t) => t.kd!.value, feature: (t) => t.feature!.value },
  };
}

const NAMES = ['', 'Labels', 'Tau', 'BothBatch', 'Whiten', 'WhitenTall', 'None', 'Fixed', 'Free', 'Wide', 'Batch1'];

describe.each(NAMES.map((name) => `vkd${name}`))('%s equals PyTorch', (name) => {
  const golden = readGolden(`methods/${name}`);
  const { outputs, feeds, params } = buildCase(golden, vkdCase(golden));

  it('declares the parameters of the reference, by name', () => {
    expect([...params.keys()].sort()).toEqual([...golden.group('param.').keys()].sort());
  });

  it('in float64: loss, terms, gradients to inputs and own parameters', () => {
    expectReference(golden, outputs, feeds, 1e-9);
  });

  // Behind a standardisation a scale has nearly no gradient: what is left of two large numbers.
  const tolerance = golden.config.normalise === 'bothBatch' ? 1e-3 : 1e-4;
  it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, tolerance));
});

/** A step whose loss is the product with a gradient that is fed, so that AdamW gets that gradient. */
function step(shape: readonly [number, number]) {
  return trainProgram({
    terms: (scope) => ({
      free: { value: reduceSum(mul(scope.param('first', [3], { kind: 'constant', value: 1 }, false), 2)), weight: 1 },
      kept: {
        value: reduceSum(mul(scope.orthonormal('kept', shape), input('batch.gradient', shape))),
        weight: 1,
      },
      last: { value: reduceSum(scope.param('last', [2], { kind: 'constant', value: 1 }, false)), weight: 1 },
    }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
    accumulate: 1,
    ema: false,
  });
}

const inFloat64 = async (outputs: Parameters<typeof runOrt>[0], feeds: Parameters<typeof runOrt>[1]) => {
  const values = evaluate([...outputs.values()], feeds);
  return new Map([...outputs.keys()].map((port, i) => [port, Array.from(values[i]!.data)]));
};

describe.each(['orthonormal', 'orthonormalWide'])('%s: a matrix that stays orthonormal under AdamW', (name) => {
  const golden = readGolden(`optim/${name}`);
  const start = golden.get('input.param');
  const size = start.data.length;
  const program = step(start.shape as [number, number]);

  /** The matrix after each of the file's updates, and at the end its free neighbours in the vector. */
  async function replay(run: typeof inFloat64) {
    const state = new Map<string, NdArray>([['param.plain', ndArray([size + 5], [1, 1, 1, ...start.data, 1, 1])]]);
    for (const slot of program.slots.keys()) state.set(`slot.${slot}`, ndArray([size + 5], new Float64Array(size + 5)));
    const seen: number[][] = [];
    for (let k = 0; k < (golden.config.steps as number); k++) {
      const gradient = ndArray(start.shape, golden.get('input.grads').data.slice(k * size, (k + 1) * size));
      const scalars = Object.entries(program.scalars({ step: k + 1, lr: golden.config.lr as number }));
      const feeds = new Map([
        ...state,
        ['batch.gradient', gradient] as const,
        ...scalars.map(([scalar, value]) => [`scalar.${scalar}`, ndArray([], [value])] as const),
      ]);
      const after = await run(program.update.outputs, feeds);
      for (const port of state.keys()) state.set(port, ndArray([size + 5], after.get(`next.${port}`)!));
      seen.push(after.get('next.param.plain')!);
    }
    return seen;
  }

  it.each([
    ['in float64', inFloat64, 1e-7],
    ['in float32 on ONNX Runtime', runOrt, 1e-5],
  ] as const)('%s as by singular values, its neighbours as ever', async (_, run, tolerance) => {
    const seen = await replay(run);
    expectClose(
      'matrix',
      seen.flatMap((vector) => vector.slice(3, 3 + size)),
      golden.get('output.param'),
      tolerance,
    );
    // A constant gradient moves AdamW by the rate each time.
    for (const at of [0, 1, 2, size + 3, size + 4])
      expect(seen.at(-1)![at]).toBeCloseTo(1 - 5 * (golden.config.lr as number), 5);
  });
});
