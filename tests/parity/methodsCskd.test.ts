import { describe, expect, it } from 'vitest';
import { METHODS, type Method } from '../../src/methods/index.ts';
import { type Golden, readGolden } from './golden.ts';
import { buildCase, expectOrt, expectReference, type MethodCase } from './harness.ts';

const CONFIG = ['kind', 'tau', 'reduce', 'fuse', 'weight', 'alpha', 'labelSmoothing'];

function cskdCase({ config }: Golden): MethodCase {
  return {
    method: METHODS.cskd as Method,
    config: Object.fromEntries(CONFIG.map((name) => [name, config[name]])),
    student: (port) => ({
      logits: port('logits'),
      distLogits: port('distLogits'),
      patchDistLogits: port('patchDistLogits'),
    }),
    teacher: (port) => ({ logits: port('teacherLogits'), placeLogits: port('placeLogits') }),
    terms: { ce: (t) => t.ce!.value, kd: (t) => t.kd!.value, patches: (t) => t.patches!.value },
    epoch: [config.epoch as number, config.epochs as number],
  };
}

const NAMES = ['', 'Uneven', 'Soft', 'Reference', 'None', 'Global', 'First', 'Last', 'Batch1'];

describe.each(NAMES.map((name) => `cskd${name}`))('%s equals PyTorch', (name) => {
  const golden = readGolden(`methods/${name}`);
  const { outputs, feeds, params } = buildCase(golden, cskdCase(golden));

  it('has no parameters of its own', () => {
    expect([...params.keys()]).toEqual([]);
  });

  it('in float64: loss, terms, gradients', () => {
    expectReference(golden, outputs, feeds, 1e-9);
  });

  it('in float32 on ONNX Runtime', () => expectOrt(golden, outputs, feeds, 1e-4));
});
