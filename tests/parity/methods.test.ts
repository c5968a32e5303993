import { describe, it } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.ts';
import { METHODS, type Method } from '../../src/methods/index.ts';
import { type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase } from './harness.ts';

type Ports = (name: string) => Tensor;

const CROSS_ENTROPY = ['Labels', 'Mixed'].flatMap((kind) =>
  ['', 'NoSmoothing', 'Huge', 'Batch1'].map((name) => `crossEntropy${kind}${name}`),
);
const BCE = ['Labels', 'Mixed'].flatMap((kind) =>
  ['', 'Smoothing', 'Huge', 'Batch1'].map((name) => `bce${kind}${name}`),
);
const SOFT = ['Tau1', 'Tau3', 'ElementMean', 'Huge', 'HugeTau3', 'Batch1'].map((name) => `softKd${name}`);
const HARD = ['Cls', 'Dist', 'DistMixed', 'DistHuge', 'ClsBatch1'].map((name) => `hardKd${name}`);
const DEARKD = ['Hard', 'Soft', 'None', 'SmallerMap', 'NonInteger', 'Dist', 'DistSoft', 'OddGrid'].map(
  (name) => `dearkd${name}`,
);

const logits = (port: Ports, golden: Golden) => ({
  logits: port('logits'),
  ...(golden.tensors.has('input.distLogits') ? { distLogits: port('distLogits') } : {}),
});
const teacher = (port: Ports) => ({ logits: port('teacherLogits') });
const ceAndKd = { ce: (t) => t.ce!.value, kd: (t) => t.kd!.value } satisfies MethodCase['terms'];

const of = (golden: Golden, ...names: string[]) => Object.fromEntries(names.map((name) => [name, golden.config[name]]));

function crossEntropyCase(golden: Golden): MethodCase {
  return {
    method: METHODS.supervised as Method,
    config: of(golden, 'labelSmoothing', ...('loss' in golden.config ? ['loss'] : [])),
    student: (port) => logits(port, golden),
    terms: {},
  };
}

function softKdCase(golden: Golden): MethodCase {
  return {
    method: METHODS.kd as Method,
    config: of(golden, 'alpha', 'tau', 'reduction', 'labelSmoothing'),
    student: (port) => logits(port, golden),
    teacher,
    terms: ceAndKd,
  };
}

function hardKdCase(golden: Golden): MethodCase {
  return {
    method: METHODS.deit as Method,
    config: of(golden, 'alpha', 'distToken', 'labelSmoothing'),
    student: (port) => logits(port, golden),
    teacher,
    terms: ceAndKd,
  };
}

interface GoldenPair {
  readonly grid: readonly [number, number];
}

function dearkdCase(golden: Golden): MethodCase {
  const pairs = golden.config.pairs as readonly GoldenPair[];
  const indices = pairs.map((_, k) => k);
  const [rows, columns] = pairs[0]!.grid;
  const prefix = golden.config.distToken ? 2 : 1;
  return {
    method: METHODS.dearkd as Method,
    config: {
      ...of(golden, 'tau', 'logitKd', 'standardise', 'distToken', 'labelSmoothing'),
      alpha: golden.config.a,
      beta: golden.config.b,
      pairs: indices.map((k) => ({ block: k, stage: `stage${k}` })),
    },
    student: (port) => ({
      ...logits(port, golden),
      tokens: indices.map((k) => port(`tokens.${k}`)),
      grid: { rows, columns, prefix },
    }),
    teacher: (port) => ({
      ...teacher(port),
      maps: Object.fromEntries(indices.map((k) => [`stage${k}`, port(`maps.${k}`)])),
    }),
    terms: {
      ce: (t) => t.ce!.value,
      logit: (t) => t.kd!.value,
      hidden: (t) => t.hidden!.value,
    },
  };
}

const bothHeads = (read: (golden: Golden) => MethodCase) => (golden: Golden) => ({
  ...read(golden),
  terms: { kd: (t) => t.kd!.value, kdDist: (t) => t.kdDist!.value } satisfies MethodCase['terms'],
});

const CASES: readonly (readonly [names: readonly string[], read: (golden: Golden) => MethodCase])[] = [
  [CROSS_ENTROPY, crossEntropyCase],
  [BCE, crossEntropyCase],
  [SOFT, softKdCase],
  [HARD, hardKdCase],
  [DEARKD, dearkdCase],
  [['softKdBothHeads'], bothHeads(softKdCase)],
  [['hardKdBothHeads'], bothHeads(hardKdCase)],
];

describe.each(CASES.flatMap(([names, read]) => names.map((name) => [name, read] as const)))(
  '%s equals PyTorch',
  (name, read) => {
    const golden = readGolden(`methods/${name}`);
    const { outputs, feeds } = buildCase(golden, read(golden));

    it('in float64: loss, terms, gradients to inputs and own parameters, statistics', () => {
      expectReference(golden, outputs, feeds, 1e-9);
    });

    it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, 1e-4));
  },
);
