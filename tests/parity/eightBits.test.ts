import { afterAll, describe, expect, it } from 'vitest';
import { NOT_EMULATED } from '../../src/bench/emulatorNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { floats, input } from '../../src/graph/build.ts';
import { type NdArray, ndArray } from '../../src/graph/ndArray.ts';
import { buildModel, variantConfig } from '../../src/models/index.ts';
import { initialValue } from '../../src/nn/initialise.ts';
import { emit } from '../../src/onnx/emit.ts';
import { portable } from '../../src/onnx/portable.ts';
import { quantised } from '../../src/onnx/quantise.ts';
import { conv } from '../../src/ops/conv.ts';
import { mul } from '../../src/ops/elementwise.ts';
import { LONGEST, SIGNED } from '../../src/ops/exactBytes.ts';
import { gemm, matmul } from '../../src/ops/matmul.ts';
import { slice } from '../../src/ops/movement.ts';
import { buildFrozen, frozenProgram, modelParams } from '../../src/program/evalProgram.ts';
import { foldBatchNorm } from '../../src/program/foldBatchNorm.ts';
import { closeProgram, type Program } from '../../src/program/program.ts';
import { calibrated, quantise, type Range } from '../../src/program/quantise.ts';
import { stream } from '../../src/random/stream.ts';
import { byteTensor, node, onnxBytes, port } from './onnxBuilder.ts';
import { type Answers, type Job, type Processor, processors, runOn } from './processors.ts';

/**
 * The 8-bit forms that we emit, at the largest sums that their bounds allow, against whole numbers; and small networks of them.
 * On this processor, in WebAssembly, and on an emulated processor whose kernels add products in 16 bits.
 */

interface Case {
  readonly job: Job;
  readonly wanted: readonly number[];
  /** Of the spread of the wanted values; 0: the very numbers. */
  readonly tolerance: number;
}

function caseOf(name: string, program: Program, feed: NdArray, tolerance = 0): Case {
  const [key] = program.inputs.keys();
  const [wanted] = evaluate([...program.outputs.values()], new Map([[key!, feed]]));
  const feeds = [{ name: key!, shape: feed.shape, data: Array.from(feed.data) }];
  // What does not fit in the 24 bits of a float32 is rounded to them.
  return { job: { name, model: emit(program), feeds }, wanted: Array.from(wanted!.data, Math.fround), tolerance };
}

/** Rows of `high` alone, of `low` alone, of both in pairs, and of both by chance: pairs of products have all extremes. */
function extremes(rows: number, columns: number, low: number, high: number): Float32Array {
  const random = stream('extremes', rows, columns);
  const kinds = [() => high, () => low, (i: number) => (i % 4 < 2 ? high : low), () => (random.below(2) ? high : low)];
  return Float32Array.from({ length: rows * columns }, (_, i) => kinds[Math.floor(i / columns) % 4]!(i % columns));
}

const BYTES: Range = { min: 0, max: 255 };
const CENTRED: Range = { min: -128, max: 127 };
const WEIGHTS = [-SIGNED, SIGNED] as const;

/** Scales are 1, so that float32 holds what the integers are. */
function linear(range: Range, [B, K, N]: readonly [number, number, number]): Case {
  const x = input('x', [B, K]);
  const y = gemm(x, floats([N, K], extremes(N, K, ...WEIGHTS)), floats([N], extremes(1, N, 1, 2)), { transB: true });
  const [eight] = quantise([y], LONGEST + 1, [range]);
  const feed = ndArray([B, K], extremes(B, K, range.min, range.max));
  return caseOf(`MatMulIntegerToFloat ${B}x${K}x${N} from ${range.min}`, closeProgram({ y: eight! }), feed);
}

function exported(range: Range, [B, K, N]: readonly [number, number, number]): Case {
  const x = input('x', [B, K]);
  const y = gemm(x, floats([N, K], extremes(N, K, ...WEIGHTS)), floats([N], extremes(1, N, 1, 2)), { transB: true });
  const program = quantised(closeProgram({ y }), () => false);
  const feed = ndArray([B, K], extremes(B, K, range.min, range.max));
  return caseOf(`MatMulInteger ${B}x${K}x${N} from ${range.min}`, program, feed);
}

/** Keys of up to 1000 where 64 is their range: what lies beyond is held at its end. */
function pair(range: Range, [B, M, K, N]: readonly [number, number, number, number]): Case {
  const x = input('x', [B, M + N, K]);
  const keys = mul(slice(x, 1, M, M + N), 4);
  const y = matmul(slice(x, 1, 0, M), keys, { transB: true });
  const held = calibrated([y], B).map((t) => (t === keys ? { min: -SIGNED, max: SIGNED } : range));
  const program = closeProgram({ y: quantise([y], B, held)[0]! });
  const feed = ndArray([B, M + N, K], extremes(B * (M + N), K, range.min, range.max));
  return caseOf(`a pair ${B}x${M}x${K}x${N} from ${range.min}`, program, feed);
}

interface Form {
  readonly C: number;
  readonly O: number;
  readonly k: number;
  readonly side: number;
  readonly group?: number;
  readonly stride?: number;
}

function convolution(range: Range, { C, O, k, side, group = 1, stride = 1 }: Form): Case {
  const x = input('x', [2, C, side, side]);
  const size = (C / group) * k * k;
  const weights = floats([O, C / group, k, k], extremes(O, size, ...WEIGHTS));
  const y = conv(x, weights, floats([O], extremes(1, O, -999, 999)), { padding: k >> 1, stride, groups: group });
  // A step of the result is a power of two: its rounding, ties included, is the same in float32.
  const step = 2 ** Math.ceil(Math.log2((2 * size * 255 * SIGNED) / 255));
  const result = { min: -128 * step, max: 127 * step };
  const program = closeProgram({ y: quantise([y], 2, [range, result])[0]! });
  const feed = ndArray([2, C, side, side], extremes(2 * C * side, side, range.min, range.max));
  const kind = group === C ? 'depthwise' : `${group} groups`;
  return caseOf(`QLinearConv ${C} to ${O}, ${k}x${k}/${stride}, ${kind} from ${range.min}`, program, feed);
}

const SHAPES = [
  [1, 64, 16],
  [5, 33, 7],
  [9, 515, 20],
  [64, 128, 48],
] as const;

const FORMS: readonly Form[] = [
  { C: 64, O: 33, k: 1, side: 4 },
  { C: 32, O: 16, k: 3, side: 5 },
  { C: 8, O: 20, k: 3, side: 9, stride: 2 },
  { C: 16, O: 16, k: 3, side: 6, group: 4 },
  { C: 16, O: 16, k: 3, side: 6, group: 16 },
  { C: 3, O: 8, k: 7, side: 12, stride: 2 },
];

const pixels = (B: number, S: number, key: string) =>
  ndArray([B, 3, S, S], Float32Array.from({ length: B * 3 * S * S }, stream('eight bits', key).normal));

function network(name: string, settings: object) {
  const model = buildModel(variantConfig(name, { imageSize: 16, classes: 5, ...settings }));
  const weights = modelParams(model).map((p) => {
    const grown = p.name.endsWith('weight') && p.shape.length > 1 ? 3 : 1;
    return [p.name, { shape: p.shape, data: initialValue(p, 3).map((v) => grown * v) }] as const;
  });
  return { model, weights: new Map(weights) };
}

const NETWORKS = {
  vit: network('vit_pico_patch4', { width: 32, depth: 2, heads: 2 }),
  resnet: network('resnet8_small', { widths: [8, 12, 16] }),
};

/** A rounding tie that falls the other way in float32 moves a logit by a fraction of a step. */
const TIES = 0.02;

function teacher(name: keyof typeof NETWORKS): Case {
  const { model, weights } = NETWORKS[name];
  const x = input('x', [4, 3, 16, 16]);
  const prepared = foldBatchNorm([buildFrozen(model, x, weights).logits]);
  const feed = pixels(4, 16, name);
  const held = evaluate(calibrated(prepared, 4), new Map([['x', feed]])).map(({ data }) => ({
    min: Math.min(...data),
    max: Math.max(...data),
  }));
  return caseOf(`a ${name} as a teacher`, closeProgram({ y: quantise(prepared, 4, held)[0]! }), feed, TIES);
}

function student(name: keyof typeof NETWORKS): Case {
  const { model, weights } = NETWORKS[name];
  const program = quantised(portable(frozenProgram(model, weights, 4)), (label) => /^(head|fc)$/.test(label));
  return caseOf(`a ${name} as a q8 file`, program, pixels(4, 16, name), TIES);
}

const CASES: readonly Case[] = [
  ...[BYTES, CENTRED].flatMap((range) => [
    ...SHAPES.flatMap((shape) => [linear(range, shape), exported(range, shape)]),
    ...SHAPES.slice(1).map(([M, K, N]) => pair(range, [2, M + 16, K, N + 16])),
    ...FORMS.map((form) => convolution(range, form)),
  ]),
  // The longest sums.
  linear(BYTES, [4, LONGEST, 2]),
  exported(BYTES, [4, LONGEST, 2]),
  convolution(BYTES, { C: LONGEST, O: 2, k: 1, side: 1 }),
  ...(['vit', 'resnet'] as const).flatMap((name) => [teacher(name), student(name)]),
];

/** Weights beyond the bound, which saturating kernels compute otherwise: a processor that gives `BEYOND` has none. */
const [DEPTH, LARGE] = [64, 127];
const BEYOND = DEPTH * 255 * LARGE;
const beyond: Job = {
  name: 'beyond the bound',
  model: onnxBytes({
    nodes: [node('Cast', ['x'], ['x8'], { to: 2 }), node('MatMulInteger', ['x8', 'w'], ['y'])],
    weights: [byteTensor('w', [DEPTH, 16], new Array(DEPTH * 16).fill(LARGE), true)],
    graph: { input: [port('x', [4, DEPTH])], output: [port('y', [4, 16], 6)] },
  }),
  feeds: [{ name: 'x', shape: [4, DEPTH], data: new Array(4 * DEPTH).fill(255) }],
};
const saturates = (answers: Answers) => answers[beyond.name]!.y!.some((sum) => sum !== BEYOND);

const found = processors();
const jobs = [...CASES.map(({ job }) => job), beyond];
const answersOf = new Map(found.map((processor) => [processor, runOn(processor, jobs)] as const));
for (const answers of answersOf.values()) answers.catch(() => undefined);

afterAll(async () => {
  const tell = async ({ name, emulator }: Processor, answers: Answers) =>
    `${emulator.length > 0 ? 'emulated ' : ''}${name} (${saturates(answers) ? 'saturates' : 'does not saturate'} beyond the bound)`;
  const ran = await Promise.all([...answersOf].map(async ([processor, answers]) => tell(processor, await answers)));
  if (found.every(({ emulator }) => emulator.length === 0)) ran.push(`no emulated processor: ${NOT_EMULATED}`);
  console.info(`8 bits ran on: ${ran.join('; ')}`);
});

describe.each(found)('8 bits on $name', (processor) => {
  it.each(CASES)('$job.name', async ({ job, wanted, tolerance }) => {
    const got = Object.values((await answersOf.get(processor)!)[job.name]!)[0]!;
    if (tolerance === 0) return void expect(got).toEqual(wanted);
    const spread = Math.max(...wanted) - Math.min(...wanted);
    got.forEach((value, i) => void expect(Math.abs(value - wanted[i]!)).toBeLessThan(tolerance * spread));
  });
});

/** Else these tests would pass whatever the weights are. */
it.skipIf(found.every(({ emulator }) => emulator.length === 0))(
  'the emulated processor has kernels that saturate',
  async () => {
    const processor = found.find(({ emulator }) => emulator.length > 0)!;
    expect(saturates(await answersOf.get(processor)!)).toBe(true);
  },
);
