import { describe, it } from 'vitest';
import { METHODS, type Method } from '../../src/methods/index.ts';
import { type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase } from './harness.ts';

function widelastCase(golden: Golden): MethodCase {
  const [rows, columns] = golden.config.grid as [number, number];
  const [own, theirs] = golden.config.prefixes as [number, number];
  const names = ['alpha', 'tau', 'featureWeight', 'labelSmoothing', ...('loss' in golden.config ? ['loss'] : [])];
  return {
    method: METHODS.widelast as Method,
    config: Object.fromEntries(names.map((name) => [name, golden.config[name]])),
    student: (port) => ({ logits: port('logits'), tokens: [port('tokens')], grid: { rows, columns, prefix: own } }),
    teacher: (port) => ({
      logits: port('teacherLogits'),
      tokens: [port('teacherTokens')],
      grid: { rows, columns, prefix: theirs },
    }),
    terms: { ce: (t) => t.ce!.value, kd: (t) => t.kd!.value, feature: (t) => t.feature!.value },
  };
}

describe.each(['', 'Mixed', 'Spectral'].map((name) => `widelast${name}`))('%s equals PyTorch', (name) => {
  const golden = readGolden(`methods/${name}`);
  const { outputs, feeds } = buildCase(golden, widelastCase(golden));

  it('in float64: loss, terms, gradients', () => expectReference(golden, outputs, feeds, 1e-9));
  it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, 1e-4));
});
