import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/reference.ts';
import { input } from '../../src/graph/build.ts';
import { type NdArray, ndArray } from '../../src/graph/ndArray.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { adamw } from '../../src/optim/adamw.ts';
import { clipByGlobalNorm, globalNorm } from '../../src/optim/clip.ts';
import { lamb } from '../../src/optim/lamb.ts';
import { layerDecay, layerRates } from '../../src/optim/layerDecay.ts';
import { muon } from '../../src/optim/muon.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { chain, type OptimParam, type OptimPart, type Transform } from '../../src/optim/transform.ts';
import { trainProgram } from '../../src/program/trainProgram.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { concat, reshape, slice } from '../../src/ops/movement.ts';
import { crossEntropy } from '../../src/losses/crossEntropy.ts';
import type { Model } from '../../src/models/index.ts';
import { ZEROS } from '../../src/nn/scope.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';
import { runOrt } from './harness.ts';

type Run = (
  outputs: ReadonlyMap<string, Tensor>,
  feeds: ReadonlyMap<string, NdArray>,
) => Promise<Map<string, ArrayLike<number>>>;

const reference: Run = async (outputs, feeds) => {
  const values = evaluate([...outputs.values()], feeds);
  return new Map([...outputs.keys()].map((name, i) => [name, values[i]!.data]));
};

const row = ({ data }: NdArray, step: number, size: number): NdArray =>
  ndArray([size], Float64Array.from(data).slice(step * size, (step + 1) * size));

/** Where the file's vector holds several parameters. */
function partsOf({ config }: Golden): { parts?: OptimPart[] } {
  if (!config.parts) return {};
  let offset = 0;
  const parts = (config.parts as number[]).map((size, i) => {
    const name = (config.names as string[] | undefined)?.[i] ?? `part${i}`;
    offset += size;
    return { name, offset: offset - size, size, shape: (config.shapes as number[][] | undefined)?.[i] ?? [size] };
  });
  return { parts };
}

/** The file's vector; in two where its first parameters are to lie apart. */
function paramsOf(golden: Golden, value: Tensor, decay: boolean): OptimParam[] {
  const apart = (golden.config.apart as number | undefined) ?? 0;
  const { parts } = partsOf(golden);
  if (!parts || apart === 0) return [{ name: 'w', value, decay, ...(parts ? { parts } : {}) }];
  const cut = parts[apart]!.offset;
  return [
    { name: 'apart', value: slice(value, 0, 0, cut), decay, apart: true, parts: parts.slice(0, apart) },
    { name: 'decay', value: slice(value, 0, cut, value.shape[0]!), decay },
  ];
}

/** The parameter and the slots after each of the file's steps, by one graph that is built once. */
async function replay(
  golden: Golden,
  optimiser: Transform,
  run: Run,
  decay = true,
): Promise<Map<string, ArrayLike<number>>[]> {
  const size = golden.get('input.param').data.length;
  const value = input('param.w', [size]);
  const params = paramsOf(golden, value, decay);
  const slots = new Map(optimiser.slots(params).map(({ name, shape }) => [name, input(`slot.${name}`, shape)]));
  const names = Object.keys(optimiser.scalars({ step: 1, lr: 0 }));
  const scalars = Object.fromEntries(names.map((name) => [name, input(`scalar.${name}`, [])]));
  const gradients = paramsOf(golden, input('gradient', [size]), decay).map(({ value }) => value);
  const { updates, slots: after } = optimiser.update(gradients, params, slots, scalars);
  const outputs = new Map([
    ['param.w', add(value, updates.length === 1 ? updates[0]! : concat(updates, 0))],
    ...[...after].map(([name, t]) => [`slot.${name}`, t] as const),
  ]);
  // The new values are outputs under other names: ONNX has one name space for both.
  const named = new Map([...outputs].map(([name, t]) => [`next.${name}`, t]));
  let state = new Map<string, NdArray>([
    ['param.w', golden.get('input.param')],
    ...[...slots].map(([name, { shape }]): [string, NdArray] => [
      `slot.${name}`,
      ndArray(shape, new Float64Array(sizeOf(shape))),
    ]),
  ]);
  const seen: Map<string, ArrayLike<number>>[] = [];
  for (let k = 0; k < (golden.config.steps as number); k++) {
    const now = Object.entries(optimiser.scalars({ step: k + 1, lr: golden.get('input.lr').data[k]! }));
    const fed = now.map(([name, x]): [string, NdArray] => [`scalar.${name}`, ndArray([], [x])]);
    const result = await run(named, new Map([...state, ...fed, ['gradient', row(golden.get('input.grads'), k, size)]]));
    seen.push(result);
    state = new Map(
      [...state].map(([name, { shape }]) => [name, ndArray(shape, Float64Array.from(result.get(`next.${name}`)!))]),
    );
  }
  return seen;
}

const momentsOf = (c: Record<string, unknown>) => ({
  betas: [c.beta1 as number, c.beta2 as number] as const,
  epsilon: c.eps as number,
  weightDecay: c.weightDecay as number,
});

const OPTIMISERS: readonly {
  file: string;
  build: (config: Record<string, unknown>) => Transform;
  slots: Record<string, string>;
}[] = [
  {
    file: 'adamw',
    build: (c) => adamw(momentsOf(c)),
    slots: { m: 'm.w', v: 'v.w' },
  },
  ...['sgdMomentum', 'sgdNesterov'].map((file) => ({
    file,
    build: (c: Record<string, unknown>) =>
      sgd({ momentum: c.momentum as number, nesterov: c.nesterov as boolean, weightDecay: c.weightDecay as number }),
    slots: { velocity: 'momentum.w' },
  })),
  { file: 'lamb', build: (c) => lamb(momentsOf(c)), slots: { m: 'm.w', v: 'v.w' } },
];

describe.each(OPTIMISERS)('$file: ten steps equal the reference', ({ file, build, slots }) => {
  const golden = readGolden(`optim/${file}`);
  const size = golden.get('input.param').data.length;
  const compare = (seen: readonly Map<string, ArrayLike<number>>[], tolerance: number) => {
    expect(seen).toHaveLength(10);
    seen.forEach((values, k) => {
      expectClose(`param ${k}`, values.get('next.param.w')!, row(golden.get('output.param'), k, size), tolerance);
      for (const [theirs, ours] of Object.entries(slots))
        expectClose(
          `${ours} ${k}`,
          values.get(`next.slot.${ours}`)!,
          row(golden.get(`output.${theirs}`), k, size),
          tolerance,
        );
    });
  };
  it('in float64', async () => compare(await replay(golden, build(golden.config), reference), 1e-12));
  it('in float32 on ONNX Runtime', async () => compare(await replay(golden, build(golden.config), runOrt), 1e-5));
  it('leaves a parameter without decay where its gradient is 0', async () => {
    const last = size - 1;
    const [decayed, plain] = [true, false].map((decay) => replay(golden, build(golden.config), reference, decay));
    const start = golden.get('input.param').data[last]!;
    expect((await plain!).at(-1)!.get('next.param.w')![last]).toBe(start);
    expect((await decayed!).at(-1)!.get('next.param.w')![last]).not.toBe(start);
  });
});

describe('muon: ten steps equal the reference, AdamW of all but hidden matrices among them', () => {
  const golden = readGolden('optim/muon');
  const build = () => muon({ ...momentsOf(golden.config), head: (name) => name === 'head.weight' });
  const size = golden.get('input.param').data.length;
  it.each([
    ['in float64', reference, 1e-12],
    ['in float32 on ONNX Runtime', runOrt, 2e-5],
  ] as const)('%s', async (_, run, tolerance) => {
    const seen = await replay(golden, build(), run);
    expect(seen).toHaveLength(10);
    seen.forEach((values, k) => {
      expectClose(`param ${k}`, values.get('next.param.w')!, row(golden.get('output.param'), k, size), tolerance);
    });
  });
  it('takes hidden matrices, and them alone', () => {
    const shapes = golden.config.shapes as number[][];
    const taken = (golden.config.names as string[]).filter((name, i) => build().apart!({ name, shape: shapes[i]! }));
    expect(taken.map((name) => name.replace('blocks.0.', ''))).toEqual(
      ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'].map((name) => `${name}.weight`),
    );
  });
});

it('lamb leaves the length of a parameter without decay alone: no trust ratio', async () => {
  const golden = readGolden('optim/lambNoDecay');
  const seen = await replay(golden, lamb(momentsOf(golden.config)), reference, false);
  seen.forEach((values, k) => {
    expectClose(`param ${k}`, values.get('next.param.w')!, row(golden.get('output.param'), k, 11), 1e-12);
  });
});

it('lamb without weight decay has no trust ratio either, and moves nothing that has no gradient', async () => {
  const golden = readGolden('optim/lambZero');
  const seen = await replay(golden, lamb(momentsOf(golden.config)), reference);
  expect(seen).toHaveLength(10);
  seen.forEach((values, k) => {
    expectClose(`param ${k}`, values.get('next.param.w')!, row(golden.get('output.param'), k, 11), 1e-12);
  });
});

it.each(['vit', 'vitPoolNorm', 'resnet', 'regnet'])("layerRates has timm's layers of a %s", (model) => {
  const golden = readGolden(`optim/layerRates.${model}`);
  const names = golden.config.names as string[];
  const rates = layerRates(names, 0.5);
  const exponents = names.map((name) => [name, Math.log2(1 / rates.get(name)!)]);
  const wanted = golden.get('output.exponent').data;
  expect(exponents).toEqual(names.map((name, i) => [name, wanted[i]]));
});

it.each([
  ['float64', reference, 1e-12],
  ['float32', runOrt, 1e-5],
] as const)("layerDecay equals torch's AdamW with a learning rate a layer, in %s", async (_, run, tolerance) => {
  const golden = readGolden('optim/layerDecay');
  const optimiser = chain(adamw(momentsOf(golden.config)), layerDecay(golden.config.layerDecay as number));
  const seen = await replay(golden, optimiser, run);
  expect(seen).toHaveLength(10);
  seen.forEach((values, k) => {
    expectClose(`param ${k}`, values.get('next.param.w')!, row(golden.get('output.param'), k, 12), tolerance);
  });
});

describe.each(['clipActive', 'clipIdle'])('%s equals torch.nn.utils.clip_grad_norm_', (file) => {
  const golden = readGolden(`optim/${file}`);
  const gradients = [...golden.group('input.grad.')].sort(([a], [b]) => a.localeCompare(b));
  const ports = gradients.map(([i, { shape }]) => input(`g${i}`, shape));
  const { updates } = clipByGlobalNorm(golden.config.clip as number).update(ports, [], new Map(), {});
  const outputs = new Map([
    ['output.norm', globalNorm(ports)],
    ...updates.map((t, i) => [`output.grad.${i}`, t] as const),
  ]);
  const feeds = new Map(gradients.map(([i, value]) => [`g${i}`, value]));
  it.each([
    ['float64', reference, 1e-12],
    ['float32', runOrt, 1e-6],
  ] as const)('in %s', async (_, run, tolerance) => {
    const values = await run(outputs, feeds);
    expect(values.size).toBe(gradients.length + 1);
    for (const [name, value] of values) expectClose(name, value, golden.get(name), tolerance);
  });
});

it('chain: the clipped gradient is what AdamW gets', async () => {
  const golden = readGolden('optim/adamw');
  const options = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 } as const;
  const loose = await replay(golden, chain(clipByGlobalNorm(1e6), adamw(options)), reference);
  const tight = await replay(golden, chain(clipByGlobalNorm(0.1), adamw(options)), reference);
  expectClose('idle clip', loose.at(-1)!.get('next.param.w')!, row(golden.get('output.param'), 9, 7), 1e-12);
  // The first moment after one step is 0.1 g: its length is 0.1 x 0.1 when g was clipped to 0.1.
  expect(Math.hypot(...Array.from(tight[0]!.get('next.slot.m.w')!))).toBeCloseTo(0.01, 6);
});

/** An optimiser that moves the parameters to the given rows, whatever the gradient. */
function follow(rows: NdArray, size: number): Transform {
  return {
    slots: () => [],
    scalars: ({ step }) => Object.fromEntries(Array.from(row(rows, step - 1, size).data, (x, i) => [`to${i}`, x])),
    update: (_, [param], __, scalars) => {
      const target = concat(
        Array.from({ length: size }, (_, i) => reshape(scalars[`to${i}`]!, [1])),
        0,
      );
      return { updates: [add(target, mul(param!.value, -1))], slots: new Map() };
    },
  };
}

it('the moving average of trainProgram equals PyTorch: ema += (p - ema)(1 - decay)', () => {
  const golden = readGolden('optim/ema');
  const size = golden.get('input.ema').data.length;
  const student: Model = {
    family: 'test',
    config: {},
    classes: size,
    imageSize: 1,
    features: ['logits'],
    build: (scope, pixels) => ({
      logits: add(reshape(pixels, [1, 1]), reshape(scope.param('w', [size], ZEROS), [1, size])),
    }),
  };
  const optimiser = follow(golden.get('input.params'), size);
  const { update } = trainProgram({
    batch: 1,
    student,
    loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets), weight: 1 } }),
    optimiser,
    accumulate: 1,
    ema: true,
    pixels: [1, 1, 1],
  });
  let [param, ema] = [ndArray([size], new Float64Array(size)), golden.get('input.ema')];
  for (let k = 0; k < (golden.config.steps as number); k++) {
    const scalars = Object.entries(optimiser.scalars({ step: k + 1, lr: 0 }));
    const feeds = new Map<string, NdArray>([
      ['param.plain', param],
      ['ema.plain', ema],
      ['scalar.emaRate', ndArray([], [1 - (golden.config.decay as number)])],
      ...scalars.map(([name, x]): [string, NdArray] => [`scalar.${name}`, ndArray([], [x])]),
    ]);
    [param, ema] = evaluate(
      [update.outputs.get('next.param.plain')!, update.outputs.get('next.ema.plain')!],
      feeds,
    ) as [NdArray, NdArray];
    expectClose(`ema ${k}`, ema.data, row(golden.get('output.ema'), k, size), 1e-12);
  }
});
