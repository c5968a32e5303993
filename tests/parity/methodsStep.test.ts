import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/reference.ts';
import { type NdArray, ndArray } from '../../src/graph/ndArray.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { methodNamed } from '../../src/methods/index.ts';
import { buildModel, type Features, variantConfig } from '../../src/models/index.ts';
import { initialValue } from '../../src/nn/initialise.ts';
import { drawNoise } from '../../src/nn/noise.ts';
import { inputStore, Scope } from '../../src/nn/scope.ts';
import { adamw } from '../../src/optim/adamw.ts';
import { riseName, trainProgram } from '../../src/program/trainProgram.ts';
import { stream } from '../../src/random/stream.ts';
import { weightsAt } from '../../src/train/rise.ts';
import { expectClose } from './golden.ts';
import { runOrt } from './harness.ts';

const [B, K, SIZE] = [2, 5, 8];
const vitOf = (width: number, depth: number, more: object = {}) =>
  buildModel(variantConfig('vit_pico_patch4', { imageSize: SIZE, classes: K, width, depth, heads: 2, ...more }));
const TEACHERS = {
  vit: vitOf(12, 3),
  resnet: buildModel(variantConfig('resnet8_small', { imageSize: SIZE, classes: K, widths: [4, 6, 8] })),
};

const random = (shape: readonly number[], key: string): NdArray => {
  const draws = stream('step', key);
  return ndArray(shape, Float32Array.from({ length: sizeOf(shape) }, draws.normal));
};

/** A whole training step as run.ts builds it: student, frozen teacher, method, gradients, AdamW; and what to feed. */
function step(name: string, config: object, teacher: keyof typeof TEACHERS) {
  const method = methodNamed(name);
  const parsed = method.config.parse(config);
  let frozen = inputStore();
  const build = (pixels: Tensor): Features => {
    frozen = inputStore('teacher.');
    return TEACHERS[teacher].build(new Scope(frozen, false), pixels);
  };
  const program = trainProgram({
    batch: B,
    student: vitOf(8, 4, name.startsWith('cskd') ? { distToken: true, patchVote: true } : {}),
    ...(method.needs(parsed).teacher.length > 0 ? { teacher: build } : {}),
    loss: (context) => method.loss({ ...context, config: parsed }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-3, weightDecay: 0.05 }),
    accumulate: 1,
    ema: false,
    pixels: [3, SIZE, SIZE],
    weights: { hidden: 0.5, 'dearkd.hidden': 0.5 },
  });
  const feeds = new Map<string, NdArray>([
    ['batch.pixels', random([B, 3, SIZE, SIZE], 'pixels')],
    ['batch.targets', ndArray([B, K], [0, 1, 0, 0, 0, 0, 0, 0, 1, 0])],
  ]);
  for (const { name: vector, size, entries } of program.vectors) {
    const values = new Float32Array(size);
    for (const { spec, offset } of entries) values.set(initialValue(spec, 1), offset);
    feeds.set(`param.${vector}`, ndArray([size], values));
  }
  for (const [slot, shape] of program.slots) feeds.set(`slot.${slot}`, ndArray(shape, new Float32Array(sizeOf(shape))));
  for (const [scalar, value] of Object.entries(program.scalars({ step: 1, lr: 1e-2 })))
    feeds.set(`scalar.${scalar}`, ndArray([], [value]));
  for (const epochs of Object.values(program.rises)) feeds.set(`scalar.${riseName(epochs)}`, ndArray([], [1 / epochs]));
  for (const { name, at } of program.schedules) feeds.set(`scalar.${name}`, ndArray([], [at(1, 4)]));
  for (const spec of program.noises)
    feeds.set(`noise.${spec.name}`, ndArray(spec.shape, drawNoise(spec, stream(1, spec.name)), 'uint8'));
  for (const spec of frozen.params.values())
    feeds.set(`teacher.${spec.name}`, ndArray(spec.shape, initialValue(spec, 2)));
  return { program: program.update, feeds, weights: weightsAt(program, 0, 1) };
}

const STEPS: readonly (readonly [name: string, config: object, teacher: keyof typeof TEACHERS])[] = [
  ['vitkd', {}, 'vit'],
  ['vitkd', { generator: 'selfAttention', shallow: { how: 'generate' }, tap: 'ffn' }, 'vit'],
  ['vitkd', { generator: 'crossAttention', tap: 'mha', relation: true }, 'vit'],
  ['vitkd+nkd', {}, 'vit'],
  ['vitkd+dkd', { vitkd: { maskRatio: 0 } }, 'vit'],
  ['dearkd+nkd', {}, 'resnet'],
  ['uskd', {}, 'vit'],
  ['vkd', { distToken: false }, 'resnet'],
  ['vkd', { distToken: false, normalise: 'whiten', projector: 'fixed', allowWide: true }, 'vit'],
  ['cskd', { kind: 'soft', alpha: 0.3 }, 'resnet'],
  ['cskd', { fuse: 'cosine' }, 'vit'],
  ['cskd+dearkd', { dearkd: { beta: 0.5 } }, 'resnet'],
  ['vkd+nkd', { vkd: { distToken: false, normalise: 'bothBatch', projector: 'free' } }, 'vit'],
];

describe.each(STEPS)('a training step of %s %o', (name, config, teacher) => {
  it('is in float32 on ONNX Runtime what the float64 interpreter has', async () => {
    const { program, feeds, weights } = step(name, config, teacher);
    const values = evaluate([...program.outputs.values()], feeds);
    const wanted = new Map([...program.outputs.keys()].map((port, i) => [port, values[i]!]));
    const terms = Object.entries(weights).map(([term, weight]) => weight * wanted.get(`term.${term}`)!.data[0]!);
    expect(wanted.get('loss')!.data[0]).toBeCloseTo(
      terms.reduce((a, b) => a + b, 0),
      10,
    );
    for (const [port, got] of await runOrt(program.outputs, feeds)) {
      const want = wanted.get(port)!;
      // A divergence of two that nearly agree is a small difference of large numbers.
      if (want.data.length === 1)
        expect(Math.abs(got[0]! - want.data[0]!), port).toBeLessThan(2e-4 * Math.max(0.01, Math.abs(want.data[0]!)));
      else expectClose(port, got, want, 2e-4);
    }
  });
});
