import { ort } from '../engine/onnxRuntimeNode.ts';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { LONGEST, signedRows } from '../ops/exactBytes.ts';
import { gemm } from '../ops/matmul.ts';
import { frozenProgram, modelParams } from '../program/evalProgram.ts';
import { closeProgram, type Program } from '../program/program.ts';
import { stream } from '../random/stream.ts';
import { emit } from './emit.ts';
import { halfPrecision } from './half.ts';
import { portable } from './portable.ts';
import { quantised } from './quantise.ts';

const B = 2;

function network(name: string, settings: object) {
  const model = buildModel(variantConfig(name, { classes: 5, imageSize: 28, ...settings }));
  const random = stream('precision', name);
  const weights = new Map(
    modelParams(model).map((spec) => {
      // Biases and norms are drawn too: zeros would hide a wrong scale.
      const data = initialValue(spec, 1).map((x) =>
        spec.name.includes('running_var') ? 1 : x + 0.2 * random.normal(),
      );
      return [spec.name, { shape: spec.shape, data }] as const;
    }),
  );
  return portable(frozenProgram(model, weights, B));
}

const vit = network('vit_pico_patch4', { patchSize: 7, depth: 2, width: 16, heads: 2 });
const resnet = network('resnet8_small', { widths: [4, 8, 8] });
const mhca = network('vit_pico_patch4', { patchSize: 7, depth: 1, width: 16, heads: 2, mhca: { layers: 1 } });
const pixels = ndArray([B, 3, 28, 28], Float32Array.from({ length: B * 3 * 28 * 28 }, stream('pixels').normal));

async function run(program: Program): Promise<number[]> {
  const session = await ort.InferenceSession.create(emit(program), { logSeverityLevel: 3 });
  const input = new ort.Tensor('float32', pixels.data as Float32Array, pixels.shape);
  const { logits } = await session.run({ pixel_values: input });
  await session.release();
  expect(logits!.type).toBe('float32');
  return Array.from(logits!.data as Float32Array);
}

function furthest(a: readonly number[], b: ArrayLike<number>): number {
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
}

const nodes = (program: Program, op: string) =>
  topologicalOrder([...program.outputs.values()]).filter((node) => node.op.name === op);
const range = (values: readonly number[]) => Math.max(...values) - Math.min(...values);

describe.each([
  ['ViT', vit],
  ['ViT with MHCA', mhca],
  ['ResNet', resnet],
])('%s in fp16', (_, program) => {
  it('computes nearly the same, with half-precision weights and products', async () => {
    const half = halfPrecision(program);
    const [exact, got] = [await run(program), await run(half)];
    const far = furthest(exact, got) / range(exact);
    expect(far).toBeLessThan(0.01);
    expect(far).toBeGreaterThan(1e-6);
    expect(emit(half).length).toBeLessThan(0.75 * emit(program).length);
    const products = [...nodes(half, 'Gemm'), ...nodes(half, 'Conv'), ...nodes(half, 'MatMul')];
    const wide = products.filter((node) => node.outputs[0]!.dtype !== 'float16').map(({ label }) => label);
    // Positions of MHCA are constants that are projected at load.
    expect(wide.every((label) => label.includes('pos_proj'))).toBe(true);
    for (const op of ['LayerNormalization', 'Softmax', 'ReduceMean'])
      for (const node of nodes(half, op)) expect(node.outputs[0]!.dtype).toBe('float32');
  });
});

describe('8-bit weights', () => {
  it('have a scale a row and stay within -64..64', () => {
    const weight = { dtype: 'float32', shape: [3, 2], data: Float32Array.of(-128, 32, 0, 0, 0.5, 0.25) } as const;
    const { values, scales } = signedRows(weight);
    expect(values).toEqual({ dtype: 'int8', shape: [3, 2], data: Int8Array.of(-64, 16, 0, 0, 64, 32) });
    expect(scales).toEqual({ dtype: 'float32', shape: [3], data: Float32Array.of(2, 1, 1 / 128) });
  });

  it('of a convolution keep the sum of each stretch to a unit, which those of a linear layer need not', () => {
    const random = stream('sums');
    const weight = ndArray([2, 50], Float32Array.from({ length: 100 }, random.normal));
    const furthest = (keepSums: boolean) => {
      const { values, scales } = signedRows(weight, { keepSums });
      let [sum, largest] = [0, 0];
      for (let i = 0; i < 50; i++) {
        sum += weight.data[i]! / scales.data[0]! - values.data[i]!;
        largest = Math.max(largest, Math.abs(sum));
        expect(Math.abs(values.data[i]!)).toBeLessThanOrEqual(64);
      }
      return largest;
    };
    expect(furthest(true)).toBeLessThanOrEqual(0.5001);
    expect(furthest(false)).toBeGreaterThan(0.6);
  });

  it('stay within it where a scale has few bits itself', () => {
    const tiny = 2 ** -149;
    const weight = { dtype: 'float32', shape: [1, 2], data: Float32Array.of(95 * tiny, -95 * tiny) } as const;
    expect(signedRows(weight).values.data).toEqual(Int8Array.of(64, -64));
  });

  it('are not those of sums that are too long for 32 bits', () => {
    const program = (K: number) => {
      const weight = floats([1, K], new Float32Array(K).fill(1));
      return closeProgram({ y: gemm(input('x', [2, K]), weight, undefined, { transB: true }) });
    };
    const products = (K: number) =>
      nodes(
        quantised(program(K), () => false),
        'MatMulInteger',
      );
    expect([products(LONGEST).length, products(LONGEST + 1).length]).toEqual([1, 0]);
  });

  it('of a ViT: ONNX Runtime computes what the definition says, near the float model', async () => {
    const program = quantised(vit, (label) => label === 'head');
    const [exact, got] = [await run(vit), await run(program)];
    const defined = evaluate([...program.outputs.values()], new Map([['pixel_values', pixels]]))[0]!.data;
    const scale = range(exact);
    // A value at the edge of two of 256 steps may go either way; the steps themselves are ten times as far.
    expect(furthest(got, defined) / scale).toBeLessThan(0.01);
    expect(furthest(got, exact) / scale).toBeLessThan(0.15);
    expect(furthest(got, exact) / scale).toBeGreaterThan(1e-4);
    // Patch embedding; q, k, v, proj, fc1, fc2 of 2 blocks. q, k and v share one quantised input. In the last block there are
    // queries alone, of the rows that the head reads, and the keys' and the values' weights are products of a head each.
    expect(nodes(program, 'MatMulInteger')).toHaveLength(11);
    expect(nodes(program, 'DynamicQuantizeLinear')).toHaveLength(9);
    expect(nodes(program, 'DequantizeLinear')).toHaveLength(2);
    const wide = nodes(program, 'Constant').filter(({ outputs: [y] }) => y!.dtype === 'float32' && y!.shape.length > 1);
    // The positions, and the head, which was asked to stay.
    expect(wide.map(({ outputs: [y] }) => y!.shape)).toEqual([
      [1, 17, 16],
      [5, 16],
    ]);
    expect(nodes(program, 'Gemm').map(({ label }) => label)).toEqual(['head']);
  });

  it('of a ResNet: convolutions compute in float32 with 8-bit weights', async () => {
    const program = quantised(resnet, (label) => label === 'fc');
    const [exact, got] = [await run(resnet), await run(program)];
    const defined = evaluate([...program.outputs.values()], new Map([['pixel_values', pixels]]))[0]!.data;
    expect(furthest(got, defined) / range(exact)).toBeLessThan(1e-5);
    expect(furthest(got, exact) / range(exact)).toBeLessThan(0.1);
    expect(nodes(program, 'DequantizeLinear')).toHaveLength(nodes(resnet, 'Conv').length);
    // They are no sums of bytes: all 8 bits are theirs.
    const bytes = nodes(program, 'Constant').map(({ attrs }) => attrs.value as NdArray);
    const largest = bytes
      .filter(({ dtype }) => dtype === 'int8')
      .map(({ data }) => Math.max(...Array.from(data, Math.abs)));
    expect(new Set(largest)).toEqual(new Set([127]));
  });

  it('leave alone what is computed of constants, and what is asked to stay', () => {
    const labels = nodes(
      quantised(mhca, () => false),
      'MatMulInteger',
    ).map(({ label }) => label);
    expect(labels.some((label) => label.includes('pos_proj'))).toBe(false);
    expect(labels.length).toBeGreaterThan(4);
    expect(
      nodes(
        quantised(vit, () => true),
        'MatMulInteger',
      ),
    ).toEqual([]);
    const none = closeProgram({ y: floats([1], [1]) });
    expect(quantised(none, () => false).outputs).toEqual(none.outputs);
  });
});
