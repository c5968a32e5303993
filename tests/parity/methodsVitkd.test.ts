import { describe, expect, it } from 'vitest';
import { floats } from '../../src/graph/build.ts';
import { ndArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { METHODS, type Method, type Terms } from '../../src/methods/index.ts';
import { add } from '../../src/ops/elementwise.ts';
import { concat, reshape } from '../../src/ops/movement.ts';
import { type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase, weigh } from './harness.ts';

type Ports = (name: string) => Tensor;

const of = (golden: Golden, ...names: string[]) => Object.fromEntries(names.map((name) => [name, golden.config[name]]));
const named = (method: string, names: readonly string[]) => names.map((name) => `${method}${name}`);
const sum = (terms: Terms, ...names: string[]) => names.map((name) => weigh(terms[name]!)).reduce((a, b) => add(a, b));

const logitCase = (golden: Golden): Pick<MethodCase, 'student' | 'teacher'> => ({
  student: (port) => ({ logits: port('logits') }),
  ...(golden.tensors.has('input.teacherLogits')
    ? { teacher: (port: Ports) => ({ logits: port('teacherLogits') }) }
    : {}),
});

function nkdCase(golden: Golden): MethodCase {
  return {
    method: METHODS.nkd as Method,
    config: { ...of(golden, 'gamma', 'temp'), labelWeight: 0 },
    ...logitCase(golden),
    terms: {
      target: (t) => weigh(t.target!),
      nonTarget: (t) => weigh(t.nonTarget!),
      nkd: (t) => sum(t, 'target', 'nonTarget'),
    },
  };
}

function dkdCase(golden: Golden): MethodCase {
  return {
    method: METHODS.dkd as Method,
    config: { ...of(golden, 'alpha', 'beta', 'temp'), labelWeight: 0 },
    ...logitCase(golden),
    terms: {
      tckd: (t) => t.target!.value,
      nckd: (t) => t.nonTarget!.value,
      dkd: (t) => sum(t, 'target', 'nonTarget'),
    },
  };
}

/** The middle of six blocks is block 2; the other blocks hold what must not be read. */
function uskdCase(golden: Golden): MethodCase {
  const [B, D] = golden.get('input.mid').shape as [number, number];
  const other = floats([B, 2, D], new Array<number>(B * 2 * D).fill(7));
  const patch = floats([B, 1, D], new Array<number>(B * D).fill(-3));
  return {
    method: METHODS.uskd as Method,
    config: { ...of(golden, 'alpha', 'beta', 'mu'), labelSmoothing: 0 },
    student: (port) => {
      const middle = concat([reshape(port('mid'), [B, 1, D]), patch], 1);
      return { logits: port('logits'), tokens: [other, other, middle, other, other, other] };
    },
    terms: {
      target: (t) => t.target!.value,
      nonTarget: (t) => t.nonTarget!.value,
      weak: (t) => weigh(t.weak!),
      uskd: (t) => sum(t, 'target', 'nonTarget', 'weak'),
      ce: (t) => t.ce!.value,
    },
  };
}

/** Patch tokens behind `prefix` others, which must not count: a teacher may have a distillation token. */
function behind(prefix: number, patches: Tensor): Tensor {
  const [B, , D] = patches.shape as [number, number, number];
  return concat([floats([B, prefix, D], new Array<number>(B * prefix * D).fill(5)), patches], 1);
}

function vitkdCase(golden: Golden): MethodCase {
  const [rows, columns] = golden.config.grid as [number, number];
  const features = (port: Ports, side: string, prefix: number) => {
    const given = (name: string) =>
      golden.tensors.has(`input.${side}${name}`) ? behind(prefix, port(side + name)) : undefined;
    const [tokens, norm] = [[given('shallow.0'), given('shallow.1')].filter((t) => t !== undefined), given('deep')];
    return { logits: floats([1, 2], [0, 0]), tokens, ...(norm ? { norm } : {}), grid: { rows, columns, prefix } };
  };
  return {
    method: METHODS.vitkd as Method,
    config: {
      ...of(golden, 'alpha', 'beta', 'maskRatio', 'scale', 'relation', 'relationWeight', 'generator'),
      shallow: { how: golden.config.shallowHow },
      deep: { how: golden.config.deepHow },
      labelWeight: 0,
    },
    student: (port) => features(port, '', 1),
    teacher: (port) => features(port, 'teacher.', 2),
    noise: ({ name, shape }) => {
      const at = name.replace('method.', '').replace('.visible', '').replace('visible', 'deep');
      return ndArray(
        shape,
        Float64Array.from(golden.get(`input.mask.${at}`).data, (x) => 1 - x),
        'uint8',
      );
    },
    terms: {
      ...Object.fromEntries(['shallow', 'deep', 'relation'].map((name) => [name, (t: Terms) => weigh(t[name]!)])),
      vitkd: (t) => sum(t, ...Object.keys(t)),
    },
  };
}

const VITKD = [
  'Reference',
  'PerElement',
  'OddGrid',
  'OddGridPerElement',
  'Mask0',
  'Mask0PerElement',
  'Batch1',
  'SameWidth',
].concat(['DeepMimic', 'DeepMimicReference', 'DeepNone', 'ShallowNone', 'ShallowGenerate', 'Relation']);

const CASES: readonly (readonly [names: readonly string[], read: (golden: Golden) => MethodCase])[] = [
  [named('nkd', ['', 'Mixed', 'Cifar', 'Huge', 'HugeMixed', 'Batch1']), nkdCase],
  [named('dkd', ['', 'Temp1', 'Huge', 'Batch1', 'TwoClasses']), dkdCase],
  [named('uskd', ['Labels', 'Mixed', 'Cifar', 'Huge', 'Batch1', 'LabelsBatch1']), uskdCase],
  [named('vitkd', VITKD), vitkdCase],
];

describe.each(CASES.flatMap(([names, read]) => names.map((name) => [name, read] as const)))(
  '%s equals PyTorch',
  (name, read) => {
    const golden = readGolden(`methods/${name}`);
    const { outputs, feeds, params } = buildCase(golden, read(golden));

    it('declares the parameters of the reference, by name', () => {
      expect([...params.keys()].sort()).toEqual([...golden.group('param.').keys()].sort());
    });

    it('in float64: loss, terms, gradients to inputs and own parameters', () => {
      expectReference(golden, outputs, feeds, 1e-9);
    });

    it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, 1e-4));
  },
);
