import { describe, expect, it } from 'vitest';
import { evaluate } from '../src/engine/reference.ts';
import { type NdArray, ndArray } from '../src/graph/ndArray.ts';
import { sizeOf } from '../src/graph/shape.ts';
import { topologicalOrder } from '../src/graph/walk.ts';
import { methodNamed } from '../src/methods/index.ts';
import { buildModel, isHead, type Model, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import type { ParamSpec } from '../src/nn/scope.ts';
import { adamw } from '../src/optim/adamw.ts';
import { liveProgram, modelParams } from '../src/program/evalProgram.ts';
import type { Program } from '../src/program/program.ts';
import { type StepSpec, type TrainProgram, type TrainSpec, trainProgram } from '../src/program/trainProgram.ts';
import { input } from '../src/graph/build.ts';
import { stream } from '../src/random/stream.ts';

const [B, K, SIZE] = [3, 4, 8];
const model = (name: string, more: object) => buildModel(variantConfig(name, { imageSize: SIZE, classes: K, ...more }));
const VIT = { width: 12, depth: 2, heads: 2, dropPath: 0.3, layerScale: 0.1 };
const mhca = { layers: 1, dropout: 0.2 };
const MODELS: readonly (readonly [string, Model, heads: readonly string[]])[] = [
  ['two-headed ViT', model('vit_pico_patch4', { ...VIT, distToken: true, mhca }), ['head', 'head_dist']],
  ['ViT with a mean', model('vit_pico_patch4', { ...VIT, pool: 'mean', poolNorm: true, classToken: false }), ['head']],
  ['ResNet', model('resnet8_small', { widths: [4, 6, 8] }), ['fc']],
  ['RegNet', model('regnety_160', { depths: [1, 1], widths: [8, 16], groupWidth: 8, stemWidth: 4 }), ['head.fc']],
];
const supervised = methodNamed('supervised');
const config = supervised.config.parse({});

const probe = (student: Model): TrainSpec => ({
  batch: B,
  student,
  trains: 'head',
  loss: (context) => supervised.loss({ ...context, config }),
  optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
  accumulate: 2,
  ema: true,
  pixels: [3, SIZE, SIZE],
});

/** All parameters of the same loss, the network in evaluation mode: what the head's gradient must be a part of. */
function whole(student: Model): StepSpec {
  const { batch: _, student: __, trains: ___, loss, pixels, ...rest } = probe(student);
  return {
    ...rest,
    terms: (scope) => {
      const features = student.build(scope.evaluating(), input('batch.pixels', [B, ...pixels]));
      const targets = input('batch.targets', [B, K]);
      return loss({ scope, student: features, teacher: undefined, targets });
    },
  };
}

const random = (shape: readonly number[], key: string): NdArray => {
  const draws = stream('probe', key);
  return ndArray(shape, Float32Array.from({ length: sizeOf(shape) }, draws.normal));
};

const statistic = ({ name, shape }: ParamSpec): Float32Array =>
  (random(shape, name).data as Float32Array).map((x) => (name.endsWith('running_var') ? 0.5 + x * x : x / 10));

/** Every port of a step; running statistics are not those that they begin with. */
function feeds({ vectors, slots, update }: TrainProgram): Map<string, NdArray> {
  const fed = new Map([
    ['batch.pixels', random([B, 3, SIZE, SIZE], 'pixels')],
    ['batch.targets', ndArray([B, K], [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0])],
  ]);
  for (const { name, size, entries } of vectors) {
    const values = new Float32Array(size);
    for (const { spec, offset } of entries)
      values.set(spec.role === 'buffer' ? statistic(spec) : initialValue(spec, 1).map((x) => x + 0.01), offset);
    for (const kind of ['param', 'ema']) fed.set(`${kind}.${name}`, ndArray([size], values));
    fed.set(`acc.${name}`, ndArray([size], new Float32Array(size)));
  }
  for (const [name, shape] of slots) fed.set(`slot.${name}`, ndArray(shape, new Float32Array(sizeOf(shape))));
  for (const name of update.inputs.keys()) if (name.startsWith('scalar.')) fed.set(name, ndArray([], [0.1]));
  return fed;
}

/** The gradient of each trained parameter, by name, in float64. */
function gradients(spec: TrainSpec | StepSpec): Map<string, Float64Array> {
  const program = trainProgram(spec);
  const outputs = program.accumulate!.outputs;
  const found = new Map<string, Float64Array>();
  for (const { name, entries } of program.vectors) {
    const port = outputs.get(`next.acc.${name}`);
    if (!port) continue;
    const values = evaluate([port], feeds(program))[0]!.data as Float64Array;
    for (const { spec, offset } of entries) found.set(spec.name, values.slice(offset, offset + sizeOf(spec.shape)));
  }
  return found;
}

/** How many nodes there are of each costly operator. */
function products({ outputs }: Program): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { op } of topologicalOrder([...outputs.values()]))
    if (['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'BatchNormalization', 'Erf'].includes(op.name))
      count[op.name] = (count[op.name] ?? 0) + 1;
  return count;
}

describe.each(MODELS)('a linear probe of a %s', (_, student, heads) => {
  const program = trainProgram(probe(student));

  it("has the head's part of the whole gradient", () => {
    const [part, all] = [gradients(probe(student)), gradients(whole(student))];
    const wanted = heads.flatMap((head) => [`${head}.weight`, `${head}.bias`]);
    expect([...part.keys()].sort()).toEqual(wanted.sort());
    expect(all.size).toBeGreaterThan(part.size + 5);
    for (const [name, values] of part) {
      expect(Math.max(...values.map(Math.abs)), name).toBeGreaterThan(1e-3);
      for (const [i, value] of values.entries()) expect(value).toBeCloseTo(all.get(name)![i]!, 12);
    }
  });

  it('computes what an evaluation does, the loss, and one product a head for its gradient', () => {
    const forward = products(liveProgram(student, program.vectors, B));
    expect(products(program.update)).toEqual({ ...forward, Gemm: forward.Gemm! + heads.length });
    const full = products(trainProgram({ ...probe(student), trains: 'all' }).update);
    expect(full.Gemm).toBeGreaterThan(forward.Gemm! + heads.length);
    expect(program.noises).toEqual([]);
  });

  it('writes the head, its average and its optimiser alone', () => {
    const trained = program.vectors.filter(({ name }) => name === 'decay' || name === 'plain');
    expect(trained.map(({ name, entries }) => [name, entries.map(({ spec }) => spec.name)])).toEqual([
      ['decay', heads.map((head) => `${head}.weight`)],
      ['plain', heads.map((head) => `${head}.bias`)],
    ]);
    expect([...program.slots.keys()].sort()).toEqual(['m.decay', 'm.plain', 'v.decay', 'v.plain']);
    const written = [...program.update.outputs.keys()].filter((name) => name.startsWith('next.param.'));
    expect(written).toEqual(['next.param.decay', 'next.param.plain']);
    const held = program.vectors.flatMap(({ entries }) => entries.map(({ spec }) => spec.name));
    expect(held.sort()).toEqual(
      modelParams(student)
        .map(({ name }) => name)
        .sort(),
    );
    expect(held.filter(isHead)).toHaveLength(2 * heads.length);
    // The averages of what stands still stay as they are, to the bit.
    const fed = feeds(program);
    const still = program.vectors.filter(({ name }) => name === 'frozen' || name === 'buffer');
    for (const { name } of still) {
      const [after] = evaluate([program.update.outputs.get(`next.ema.${name}`)!], fed);
      expect([...after!.data]).toEqual([...fed.get(`ema.${name}`)!.data]);
    }
  });
});
