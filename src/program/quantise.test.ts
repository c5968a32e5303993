import { describe, expect, it } from 'vitest';
import { ortNode } from '../engine/ortNode.ts';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { conv } from '../ops/conv.ts';
import { mul, relu } from '../ops/elementwise.ts';
import { LONGEST } from '../ops/exactBytes.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { transpose, slice } from '../ops/movement.ts';
import { batchNormEval } from '../ops/norm.ts';
import { stream } from '../random/stream.ts';
import { buildFrozen, modelParams } from './evalProgram.ts';
import { foldBatchNorm } from './foldBatchNorm.ts';
import { closeProgram } from './program.ts';
import { calibrated, quantise, type Range } from './quantise.ts';
import { namedFeatures } from './teacherPorts.ts';

const engine = ortNode({ threads: 1 });
const normals = (count: number, ...keys: (string | number)[]) => {
  const random = stream('quantise', ...keys);
  return Float32Array.from({ length: count }, random.normal);
};

async function run(
  outputs: Readonly<Record<string, Tensor>>,
  pixels: Float32Array,
): Promise<Record<string, Float32Array>> {
  const program = closeProgram(outputs);
  const compiled = await engine.compile(program);
  const into = Object.fromEntries([...program.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]));
  const port = program.inputs.get('pixels')!;
  await compiled.run({ pixels: engine.tensor('float32', port.shape, pixels) }, into);
  await compiled.dispose();
  const read = Object.entries(into).map(async ([name, t]) => [name, (await t.read()) as Float32Array] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** The ranges of a graph's activations on some pixels, by the float64 interpreter. */
function rangesOn(outputs: readonly Tensor[], batch: number, pixels: Float32Array): Range[] {
  const tensors = calibrated(outputs, batch);
  const port = topologicalOrder(outputs).find(({ op }) => op.name === 'Input')!.outputs[0]!;
  const values = evaluate(tensors, new Map([['pixels', ndArray(port.shape, pixels)]]));
  return values.map(({ data }) => ({ min: Math.min(...data), max: Math.max(...data) }));
}

const opsOf = (outputs: readonly Tensor[]) => topologicalOrder(outputs).map(({ op }) => op.name);

describe('one layer in 8 bits', () => {
  it('is the product of the rounded activations and the rounded weights', async () => {
    const [B, K, N] = [4, 6, 3];
    const [x, w, b] = [normals(B * K, 'x'), normals(N * K, 'w'), normals(N, 'b')];
    const pixels = input('pixels', [B, K]);
    const y = gemm(pixels, floats([N, K], w), floats([N], b), { transB: true });
    const range = { min: -1.5, max: 2.1 };
    const got = await run({ y: quantise([y], 99, [range])[0]! }, x);
    const scale = Math.fround(3.6 / 255);
    const zero = Math.round(1.5 / scale);
    const held = Array.from(x, (v) => Math.max(0, Math.min(255, Math.round(v / scale) + zero)) - zero);
    for (let r = 0; r < B; r++)
      for (let n = 0; n < N; n++) {
        const row = w.subarray(n * K, (n + 1) * K);
        const unit = Math.max(...row.map(Math.abs)) / 64;
        let sum = b[n]!;
        for (let k = 0; k < K; k++) sum += held[r * K + k]! * scale * Math.round(row[k]! / unit) * unit;
        expect(got.y![r * N + n]).toBeCloseTo(sum, 5);
      }
    // Some values lie outside the range: they were cut.
    expect(x.some((v) => v > 2.1 || v < -1.5)).toBe(true);
  });

  it('multiplies queries with keys, each rounded with one scale, before they are moved to their heads', async () => {
    const [B, N, H, d] = [2, 17, 2, 16];
    const pixels = input('pixels', [B, N, H, d]);
    const heads = transpose(pixels, [0, 2, 1, 3]);
    const y = matmul(heads, mul(heads, -0.5), { transB: true, alpha: 0.25 });
    const x = normals(B * N * H * d, 'queries');
    const ranges = [
      { min: -2, max: 3.1 },
      { min: -1.5, max: 1 },
    ];
    expect(calibrated([y], B)).toEqual([heads, y.node.inputs[1]]);
    const eight = quantise([y], B, ranges)[0]!;
    const got = (await run({ y: eight }, x)).y!;
    const [left, right] = [Math.fround(5.1 / 255), Math.fround(1.5 / 64)];
    const zero = Math.round(2 / left);
    const query = (v: number) => left * (Math.max(0, Math.min(255, Math.round(v / left) + zero)) - zero);
    const key = (v: number) => right * Math.max(-64, Math.min(64, Math.round((-0.5 * v) / right)));
    const at = (b: number, h: number, n: number, i: number) => x[((b * N + n) * H + h) * d + i]!;
    for (let row = 0; row < B * H * N; row++)
      for (let column = 0; column < N; column++) {
        const [b, h, n] = [Math.floor(row / (H * N)), Math.floor(row / N) % H, row % N];
        let sum = 0;
        for (let i = 0; i < d; i++) sum += query(at(b, h, n, i)) * key(at(b, h, column, i));
        expect(got[row * N + column]).toBeCloseTo(0.25 * sum, 4);
      }
    // Queries are rounded as they come, and then moved.
    const [first, second] = opsOf([eight]).filter((op) => op === 'QuantizeLinear' || op === 'Transpose');
    expect([first, second]).toEqual(['QuantizeLinear', 'Transpose']);
  });

  it('leaves what does not come from the pixels in float, whatever the batch', () => {
    const learned = transpose(floats([1, 17, 2, 16], normals(17 * 32, 'learned')), [0, 2, 1, 3]);
    for (const batch of [1, 4]) {
      const heads = transpose(input('pixels', [batch, 17, 2, 16]), [0, 2, 1, 3]);
      expect(calibrated([matmul(learned, heads, { transB: true })], batch)).toEqual([]);
    }
  });

  it('refuses ranges of another graph', () => {
    const y = gemm(input('pixels', [4, 6]), floats([3, 6], normals(18, 'w')), undefined, { transB: true });
    expect(() => quantise([y], 99, [])).toThrow('0 ranges for the 1 activations');
  });

  it('leaves products of few rows in float', () => {
    const a = input('pixels', [2, 3, 1, 32]);
    expect(calibrated([matmul(a, mul(a, 2), { transB: true })], 2)).toEqual([]);
    // 16 heads of a class token against 64 tokens, then all tokens of one head.
    const tokens = input('pixels', [2, 64, 48]);
    const asking = slice(mul(tokens, 2), 1, 0, 16);
    expect(calibrated([matmul(asking, tokens, { transB: true })], 2)).toEqual([]);
    expect(calibrated([matmul(mul(tokens, 2), tokens, { transB: true })], 2)).toHaveLength(2);
  });

  it('takes batch norm and ReLU into a convolution', async () => {
    const [C, O, side] = [3, 4, 5];
    const pixels = input('pixels', [2, C, side, side]);
    const statistics = [1, 2, 3, 4].map((k) =>
      floats([O], normals(O, 'bn', k).map(k === 4 ? (v) => v * v + 0.5 : (v) => v)),
    );
    const [scale, shift, mean, variance] = statistics as [Tensor, Tensor, Tensor, Tensor];
    const before = conv(pixels, floats([O, C, 3, 3], normals(O * C * 9, 'k')), undefined, { padding: 1 });
    const y = relu(batchNormEval(before, scale, shift, mean, variance, 1e-5));
    const x = normals(2 * C * side * side, 'image');
    const prepared = foldBatchNorm([y]);
    const eight = quantise(prepared, 2, rangesOn(prepared, 2, x));
    expect(opsOf(eight).filter((op) => ['Conv', 'Relu', 'BatchNormalization', 'MatMul'].includes(op))).toEqual([]);
    expect(opsOf(eight)).toContain('QLinearConv');
    const [float, folded, got] = [
      await run({ y }, x),
      await run({ y: prepared[0]! }, x),
      await run({ y: eight[0]! }, x),
    ];
    const largest = Math.max(...float.y!);
    float.y!.forEach((value, i) => {
      expect(folded.y![i]).toBeCloseTo(value, 4);
      expect(Math.abs(got.y![i]! - value)).toBeLessThan(0.03 * largest);
    });
    expect(got.y!.filter((v) => v === 0).length).toBeGreaterThan(10);
  });
});

const NETWORKS = {
  vit: variantConfig('vit_pico_patch4', { imageSize: 16, classes: 5, width: 32, depth: 3, heads: 2 }),
  resnet: variantConfig('resnet8_small', { imageSize: 16, classes: 5, widths: [8, 12, 16] }),
};

describe('what does not fit in 32 bits', () => {
  it('is a bias of a channel whose weights are next to nothing: its scale grows', async () => {
    const [C, side] = [2, 4];
    const x = normals(C * side * side, 'dead');
    const weights = floats([3, C, 1, 1], [1e-12, -1e-12, 0, 0, 0.5, -1]);
    const y = conv(input('pixels', [1, C, side, side]), weights, floats([3], [0.75, -0.5, 0.25]), {});
    const got = (
      await run(
        {
          y: quantise([y], 1, [
            { min: -3, max: 3 },
            { min: -4, max: 4 },
          ])[0]!,
        },
        x,
      )
    ).y!;
    const float = (await run({ y }, x)).y!;
    got.forEach(
      (value, i) => void expect(Math.abs(value - float[i]!), `${i}: ${value}, not ${float[i]}`).toBeLessThan(0.1),
    );
    const halfStep = 8 / 255 / 2;
    got.slice(0, 16).forEach((value) => void expect(Math.abs(value - 0.75)).toBeLessThanOrEqual(halfStep));
  });

  it('is a sum of more products than fit: such a layer stays in float', () => {
    const product = (K: number) =>
      gemm(input('pixels', [32, K]), floats([1, K], new Float32Array(K)), undefined, { transB: true });
    const convolution = (C: number) => conv(input('pixels', [1, C, 1, 1]), floats([1, C, 1, 1], new Float32Array(C)));
    for (const build of [product, convolution]) {
      expect(calibrated([build(LONGEST)], 1).length).toBeGreaterThan(0);
      expect(calibrated([build(LONGEST + 1)], 1)).toEqual([]);
    }
    const pair = (K: number) => {
      const a = input('pixels', [1, 16, K]);
      return matmul(a, mul(a, 2), { transB: true });
    };
    expect(calibrated([pair(LONGEST)], 1)).toHaveLength(2);
    expect(calibrated([pair(LONGEST + 1)], 1)).toEqual([]);
  });
});

describe.each(Object.entries(NETWORKS))('a whole %s in 8 bits', (family, config) => {
  const model = buildModel(config);
  const weights = new Map(
    modelParams(model).map((p) => [
      p.name,
      {
        shape: p.shape,
        data: initialValue(p, 3).map((v) => (p.name.endsWith('weight') && p.shape.length > 1 ? 3 * v : v)),
      },
    ]),
  );
  const graph = (batch: number) => {
    const features = buildFrozen(model, input('pixels', [batch, 3, 16, 16]), weights);
    return { features, prepared: foldBatchNorm([features.logits]) };
  };
  const x = normals(4 * 3 * 16 * 16, 'pixels', family);
  const ranges = rangesOn(graph(4).prepared, 4, x);
  const eight = (batch: number) => quantise(graph(batch).prepared, batch, ranges)[0]!;

  it('is near float, and ONNX Runtime gives what the float64 interpreter gives', async () => {
    const [float, got] = [await run({ logits: graph(4).features.logits }, x), await run({ logits: eight(4) }, x)];
    const wanted = evaluate([eight(4)], new Map([['pixels', ndArray([4, 3, 16, 16], x)]]))[0]!.data;
    const spread = Math.max(...float.logits!) - Math.min(...float.logits!);
    got.logits!.forEach((value, i) => {
      // A rounding tie that falls the other way in float32 moves a logit by a fraction of a step.
      expect(Math.abs(value - wanted[i]!)).toBeLessThan(0.02 * spread);
      expect(Math.abs(value - float.logits![i]!)).toBeLessThan(0.12 * spread);
    });
    expect(got.logits).not.toEqual(float.logits);
  });

  it('answers for an image whatever else is in its batch, bit for bit', async () => {
    const others = x.map((value, i) => (i < x.length / 4 ? value : 3 * value + 1));
    const [one, other] = [await run({ logits: eight(4) }, x), await run({ logits: eight(4) }, others)];
    expect(one.logits!.slice(0, 5)).toEqual(other.logits!.slice(0, 5));
    expect(one.logits!.slice(5, 10)).not.toEqual(other.logits!.slice(5, 10));
  });

  it('keeps the classifier in float and does all the rest in 8 bits', () => {
    const ops = opsOf([eight(4)]);
    expect(ops.filter((op) => op === 'Conv')).toEqual([]);
    // Of a ViT's last block the class tokens alone are asked for: one row an image, as few as of a classifier, and keys and
    // values are products of a head each.
    expect(ops.filter((op) => op === 'Gemm')).toHaveLength(family === 'vit' ? 1 + 4 : 1);
    expect(ops.filter((op) => op === 'MatMulIntegerToFloat')).toHaveLength(family === 'vit' ? 1 + 2 * (6 + 2) : 0);
  });

  it('goes no deeper than the features that are asked for', () => {
    const { features } = graph(4);
    const named = namedFeatures(features);
    const [early, late] = family === 'vit' ? ['tokens.0', 'blocks.1'] : ['maps.s1', 'layer2'];
    const outputs = foldBatchNorm([named.get(early)!, features.logits]);
    const both = quantise(outputs, 4, rangesOn(outputs, 4, x));
    const labels = (t: Tensor) => topologicalOrder([t]).map(({ label }) => label);
    const deep = (t: Tensor) => labels(t).some((label) => label.startsWith(late!));
    expect([deep(both[0]!), deep(both[1]!)]).toEqual([false, true]);
  });
});
