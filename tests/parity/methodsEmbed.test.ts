import { describe, expect, it } from 'vitest';
import { METHODS, type Method } from '../../src/methods/index.ts';
import { type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase } from './harness.ts';

const CONFIG = ['global', 'globalWeight', 'denseWeight', 'relationWeight', 'clampNegative', 'head', 'hidden'];
const MORE = ['standardise', 'queueSize', 'temperature', 'teacherTemperature'];

function embedCase({ config }: Golden): MethodCase {
  const sides = (name: string) => {
    const [rows, columns] = config[name] as [number, number];
    return { rows, columns };
  };
  return {
    method: METHODS.embed as unknown as Method,
    config: Object.fromEntries([...CONFIG, ...MORE].map((name) => [name, config[name]])),
    student: (port) => ({
      logits: port('embedding'),
      embedding: port('embedding'),
      dense: { tokens: port('tokens'), ...sides('own') },
    }),
    teacher: (port) => ({
      logits: port('teacherEmbedding'),
      embedding: port('teacherEmbedding'),
      dense: { tokens: port('teacherTokens'), ...sides('theirs') },
    }),
    terms: Object.fromEntries(
      ['queue', 'global', 'dense', 'relation'].map((name) => [name, (terms) => terms[name]!.value] as const),
    ),
  };
}

const NAMES = ['', 'Empty', 'Wraps', 'BatchAboveQueue', 'Temperatures', 'Cosine', 'Scalar', 'Plain', 'Mlp'];
const DENSE = ['Relation', 'Clamped', 'Dense', 'Shrinks', 'Batch1'];

describe.each([...NAMES, ...DENSE].map((name) => `embed${name}`))('%s equals PyTorch', (name) => {
  const golden = readGolden(`methods/${name}`);
  const { outputs, feeds, params, terms } = buildCase(golden, embedCase(golden));

  it('declares the parameters and the memory of the reference, by name, and no other term', () => {
    expect([...params.keys()].sort()).toEqual([...golden.group('param.').keys()].sort());
    expect(Object.keys(terms).sort()).toEqual([...golden.group('term.').keys()].sort());
  });

  it('in float64: loss, terms, gradients to inputs and heads, the queue after the step', () => {
    expectReference(golden, outputs, feeds, 1e-9);
  });

  it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, 1e-5));
});
