import { describe, expect, it } from 'vitest';
import { input, inputName, isInput } from '../graph/build.ts';
import type { NdArray } from '../graph/ndArray.ts';
import { shareCommon } from '../graph/passes/shareCommon.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { inputStore, type ParamSpec, Scope } from '../nn/scope.ts';
import { gemm } from '../ops/matmul.ts';
import { reshape, slice } from '../ops/movement.ts';
import { layerNorm } from '../ops/norm.ts';
import { reduceMean } from '../ops/reduce.ts';
import { evaluate } from '../engine/reference.ts';
import { initialValue } from '../nn/initialise.ts';
import { buildModel, variantConfig } from './index.ts';
import { answer } from './vit.ts';

const SETTINGS = {
  imageSize: 8,
  patchSize: 4,
  width: 8,
  depth: 2,
  heads: 2,
  classes: 3,
  dropPath: 0.3,
  layerScale: 0.5,
};
const [B, N, D, HIDDEN] = [2, 5, 8, 16];

function build(more: object, training: boolean) {
  const store = inputStore();
  const model = buildModel(variantConfig('vit_pico_patch4', { ...SETTINGS, ...more }));
  return { store, features: model.build(new Scope(store, training), input('pixels', [B, 3, 8, 8])) };
}

/** Rows of every product with the second matrix of an MLP, by label. */
const mlpRows = (features: ReturnType<typeof build>['features']) =>
  topologicalOrder([features.logits])
    .filter(({ op, inputs }) => op.name === 'Gemm' && inputs[0]!.shape[1] === HIDDEN)
    .map(({ label, inputs }) => [label, inputs[0]!.shape[0]]);

/** Initial weights (tokens and positions scaled up, so that they matter), alternating masks and wave-like pixels. */
function feeds(outputs: readonly Tensor[], params: ReadonlyMap<string, ParamSpec>): Map<string, NdArray> {
  const ports = topologicalOrder(outputs)
    .map(({ outputs }) => outputs[0]!)
    .filter(isInput);
  return new Map(
    ports.map((port) => {
      const [name, { dtype, shape }] = [inputName(port), port];
      const wave = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(0.7 * i + 1));
      const spec = params.get(name);
      const random = spec && spec.init.kind !== 'constant';
      const data =
        dtype === 'uint8'
          ? wave.map((x) => +(x > 0))
          : random
            ? wave.map((x, i) => x + 10 * initialValue(spec, 1)[i]!)
            : wave;
      return [name, { dtype, shape, data }];
    }),
  );
}

/** The values of features on waves. */
function valuesOf({ store }: ReturnType<typeof build>, outputs: readonly Tensor[]) {
  const shared = shareCommon(outputs);
  return evaluate(shared, feeds(shared, store.params)).map(({ data }) => Array.from(data));
}

describe('what the heads say of each patch', () => {
  it.each([
    ['two tokens', { distToken: true }],
    ['no class token, the mean of normed patches', { classToken: false, pool: 'mean' }],
    ['a norm behind the mean', { pool: 'mean', poolNorm: true }],
  ] as const)('is the head on the normed token, row by row: %s', (_, more) => {
    const built = build(more, false);
    const { norm, grid, placeLogits, patchDistLogits } = built.features;
    const params = [...built.store.params.values()];
    const param = (name: string) => {
      const { shape } = params.find((spec) => spec.name === name)!;
      return input(name, shape);
    };
    const patches = reshape(slice(norm!, 1, grid!.prefix, norm!.shape[1]!), [B * 4, D]);
    const normed =
      'poolNorm' in more ? layerNorm(patches, param('fc_norm.weight'), param('fc_norm.bias'), 1e-6) : patches;
    const head = (name: string, x: Tensor) => gemm(x, param(`${name}.weight`), param(`${name}.bias`), { transB: true });
    expect(placeLogits!.shape).toEqual([B, 2, 2, 3]);
    const [own, wanted] = valuesOf(built, [placeLogits!, head('head', normed)]) as [number[], number[]];
    own.forEach((x, i) => void expect(x).toBeCloseTo(wanted[i]!, 12));
    expect(new Set(own.map((x) => x.toFixed(6))).size).toBeGreaterThan(12);
    expect(patchDistLogits === undefined).toBe(!('distToken' in more));
    if (!patchDistLogits) return;
    const [dist, distWanted] = valuesOf(built, [patchDistLogits, head('head_dist', patches)]) as [number[], number[]];
    dist.forEach((x, i) => void expect(x).toBeCloseTo(distWanted[i]!, 12));
  });
});

describe('three votes', () => {
  it('answer with the mean of two heads and of the distillation head over the patches', () => {
    const built = build({ distToken: true, patchVote: true }, false);
    const { logits, distLogits, patchDistLogits } = built.features;
    const [whole, own, dist, patches] = valuesOf(built, [
      answer(built.features),
      logits,
      distLogits!,
      reduceMean(patchDistLogits!, { axes: [1, 2] }),
    ]) as [number[], number[], number[], number[]];
    whole.forEach((x, i) => void expect(x).toBeCloseTo((own[i]! + dist[i]! + patches[i]!) / 3, 12));
    const two = build({ distToken: true }, false);
    const [both, a, b] = valuesOf(two, [answer(two.features), two.features.logits, two.features.distLogits!]);
    both!.forEach((x, i) => void expect(x).toBeCloseTo((a![i]! + b![i]!) / 2, 12));
    // The same parameters, and no block twice: all rows of the last one are read.
    expect([...built.store.params.keys()]).toEqual([...two.store.params.keys()]);
    expect(mlpRows(built.features)).toEqual([
      ['blocks.0.mlp.fc2', B * (N + 1)],
      ['blocks.1.mlp.fc2', B * (N + 1)],
    ]);
  });

  it('need the head that has the third', () => {
    expect(() => build({ patchVote: true }, false)).toThrow(
      /patchVote.*wanted distToken true and distHead true, got false/,
    );
    expect(() => build({ patchVote: true, distToken: true, distHead: false }, false)).toThrow(/got true and false/);
  });
});

describe('the last block', () => {
  it('computes for the logits only the rows that the heads read', () => {
    expect(mlpRows(build({}, true).features)).toEqual([
      ['blocks.0.mlp.fc2', B * N],
      ['blocks.1.mlp.fc2', B],
    ]);
    expect(mlpRows(build({ distToken: true }, true).features)).toEqual([
      ['blocks.0.mlp.fc2', B * (N + 1)],
      ['blocks.1.mlp.fc2', B * 2],
    ]);
  });

  it.each(['none', 'sum', 'logits', 'gated'] as const)(
    'gives the logits that its whole output gives, MHCA %s, with masks and without, of both tokens',
    async (combine) => {
      for (const [training, distToken] of [
        [true, false],
        [false, false],
        [true, true],
        [false, true],
      ] as const) {
        const mhca = combine === 'none' ? null : { layers: 2, combine, dropout: 0.5 };
        const { store, features } = build({ mhca, distToken }, training);
        const [name, at] = distToken ? ['head_dist.', 1] : ['head.', 0];
        const head = [...store.params.values()].filter((spec) => spec.name.startsWith(name));
        const [weight, bias] = head.map(({ name, shape }) => input(name, shape));
        const token = reshape(slice(features.norm!, 1, at, at + 1), [B, D]);
        const answer = distToken ? features.distLogits! : features.logits;
        const outputs = [answer, gemm(token, weight!, bias, { transB: true })];
        const [read, whole] = evaluate(shareCommon(outputs), feeds(shareCommon(outputs), store.params)).map(
          ({ data }) => data,
        ) as [Float64Array, Float64Array];
        expect(Math.abs(whole[0]!)).toBeGreaterThan(1e-3);
        for (let i = 0; i < B * 3; i++) expect(Math.abs(read[i]! - whole[i]!)).toBeLessThan(1e-12);
      }
    },
  );
});

describe('positionInit', () => {
  const [width, side] = [10, 3];
  const start = (more: object): number[][] => {
    const { store } = build({ width, imageSize: 4 * side, heads: 1, ...more }, true);
    const spec = [...store.params.values()].find(({ name }) => name === 'pos_embed')!;
    const values = initialValue(spec, 7);
    return Array.from({ length: values.length / width }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
  };
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

  it('sincos: two patches are alike by how far they are from each other alone, and tokens have no place', () => {
    const rows = start({ distToken: true });
    expect(
      rows
        .slice(0, 2)
        .flat()
        .every((x) => x === 0),
    ).toBe(true);
    const patches = rows.slice(2);
    expect(patches).toHaveLength(side * side);
    // cos(a - b) = cos a cos b + sin a sin b, for periods of 2 pi and 200 pi.
    const near = (at: number) => Math.cos(at) + Math.cos(at / 100);
    for (const [i, a] of patches.entries())
      for (const [j, b] of patches.entries()) {
        const [dx, dy] = [(i % side) - (j % side), Math.floor(i / side) - Math.floor(j / side)];
        expect(dot(a, b)).toBeCloseTo(near(dx) + near(dy), 6);
      }
    // Column before row, sines before cosines; what is left of a width that is no multiple of four is 0.
    const wanted = [Math.sin(2), Math.sin(0.02), Math.cos(2), Math.cos(0.02), Math.sin(1), Math.sin(0.01)];
    for (const [k, value] of wanted.entries()) expect(patches[5]![k]).toBeCloseTo(value, 6);
    expect(patches[5]!.slice(8)).toEqual([0, 0]);
  });

  it('small models have it, all others begin as timm has them', () => {
    expect(variantConfig('vit_nano_patch4', { classes: 5 })).toMatchObject({ positionInit: 'sincos' });
    expect(variantConfig('deit_tiny_patch16_224', { classes: 5 })).toMatchObject({ positionInit: 'random' });
    const random = start({ positionInit: 'random' }).flat();
    expect(Math.max(...random.map(Math.abs))).toBeLessThan(0.1);
    expect(Math.max(...random)).toBeGreaterThan(0.02);
  });
});

describe('linearInit', () => {
  const specs = (settings: object) => {
    const store = inputStore();
    const model = buildModel(variantConfig('vit_pico_patch4', { classes: 5, ...settings }));
    model.build(new Scope(store, true), input('pixels', [2, 3, 32, 32]));
    return store.params;
  };
  const deviation = (spec: ParamSpec) => {
    const values = initialValue(spec, 1);
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  };

  it('fanIn, which small models have, begins linear weights with 1 / sqrt(inputs), and nothing else', () => {
    const [own, fixed] = [specs({}), specs({ linearInit: 'fixed' })];
    expect([...own.keys()]).toEqual([...fixed.keys()]);
    const other = (name: string, { init }: ParamSpec) => JSON.stringify(init) !== JSON.stringify(fixed.get(name)!.init);
    const changed = [...own].filter(([name, spec]) => other(name, spec)).map(([name]) => name);
    const inBlocks = [0, 1, 2, 3].flatMap((i) =>
      ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'].map((layer) => `blocks.${i}.${layer}.weight`),
    );
    expect(changed.sort()).toEqual([...inBlocks, 'head.weight'].sort());
    // Widths 64 and, within the MLP, 128.
    expect(deviation(own.get('blocks.1.attn.qkv.weight')!)).toBeCloseTo(1 / 8, 2);
    expect(deviation(own.get('blocks.1.mlp.fc2.weight')!)).toBeCloseTo(1 / Math.sqrt(128), 2);
    expect(deviation(fixed.get('blocks.1.attn.qkv.weight')!)).toBeCloseTo(0.02, 3);
  });

  it('of the models of papers it is as in timm', () => {
    expect(variantConfig('deit_tiny_patch16_224', { classes: 5 })).toMatchObject({ linearInit: 'fixed' });
  });
});
