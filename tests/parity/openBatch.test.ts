import { ort } from '../../src/engine/onnxRuntimeNode.ts';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/engine/reference.ts';
import { floats, input, scalar } from '../../src/graph/build.ts';
import { ndArray } from '../../src/graph/ndArray.ts';
import { sizeOf } from '../../src/graph/shape.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { emit } from '../../src/onnx/emit.ts';
import { argMax, reduceMean } from '../../src/ops/reduce.ts';
import { conv } from '../../src/ops/conv.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { gelu } from '../../src/ops/gelu.ts';
import { gemm, matmul } from '../../src/ops/matmul.ts';
import { concat, expand, reshape, slice, split, transpose } from '../../src/ops/movement.ts';
import { layerNorm } from '../../src/ops/norm.ts';
import { maxPool } from '../../src/ops/pool.ts';
import { softmax } from '../../src/ops/softmax.ts';
import { closeProgram, type Program } from '../../src/program/program.ts';
import { stream } from '../../src/random/stream.ts';

/** The batch at which a program with an open batch is built. */
const OPEN = 10007;

type Build = (x: Tensor, w: Tensor) => Readonly<Record<string, Tensor>>;

const program = (build: Build, shape: readonly number[], B: number): Program =>
  closeProgram(build(input('x', [B, ...shape]), input('w', [4, 4])));

const random = (shape: readonly number[], key: string) =>
  ndArray(shape, Float32Array.from({ length: sizeOf(shape) }, stream('open batch', key).normal));

/** Built at 10007, run at 1 and 5 in ONNX Runtime, held to the same program built at 1 and 5. */
async function check(build: Build, shape: readonly number[]): Promise<void> {
  const session = await ort.InferenceSession.create(emit(program(build, shape, OPEN), { openBatch: OPEN }));
  for (const B of [1, 5]) {
    const built = program(build, shape, B);
    const feeds = new Map([...built.inputs].map(([name, port]) => [name, random(port.shape, `${name} ${B}`)]));
    const wanted = evaluate([...built.outputs.values()], feeds);
    const given = [...feeds].map(([name, v]) => [name, new ort.Tensor('float32', v.data as Float32Array, v.shape)]);
    const got = await session.run(Object.fromEntries(given));
    [...built.outputs.keys()].forEach((name, i) => {
      expect(got[name]!.dims).toEqual(wanted[i]!.shape);
      const values = Array.from(got[name]!.data as Float32Array, Number);
      for (const [j, value] of values.entries())
        expect(value, `${name} at batch ${B}`).toBeCloseTo(wanted[i]!.data[j]!, 4);
    });
  }
  await session.release();
}

/** x [B,N,4] -> attention with 2 heads, by the fold and the transposes that a Vision Transformer has. */
function attention(x: Tensor, w: Tensor): Tensor {
  const [B, N] = [x.shape[0]!, x.shape[1]!];
  const scale = floats([4], [1, 2, 0.5, 1]);
  const normed = layerNorm(x, scale, scale, 1e-6);
  const mixed = reshape(gemm(reshape(normed, [B * N, 4]), w, scale, { transB: true }), [B, N, 2, 2]);
  const heads = transpose(mixed, [0, 2, 1, 3]); // B 2 N 2
  const weights = softmax(matmul(heads, heads, { transB: true, alpha: 0.7 }));
  return add(x, gelu(reshape(transpose(matmul(weights, heads), [0, 2, 1, 3]), [B, N, 4])));
}

describe('a program with an open batch', () => {
  it('runs attention and a pooled head', () =>
    check(
      (x, w) => {
        const y = attention(attention(x, w), w);
        const pooled = reduceMean(y, { axes: [1] });
        return { tokens: y, pooled, best: argMax(pooled, { axis: 1 }) };
      },
      [3, 4],
    ));

  it('runs a convolution, a pool and a flattened head', () =>
    check(
      (x, w) => {
        const maps = maxPool(conv(x, reshape(w, [4, 1, 2, 2]), undefined, { stride: 2 }), { kernel: 2 });
        return { y: matmul(reshape(maps, [x.shape[0]!, 4]), w) };
      },
      [1, 5, 4],
    ));

  it('expands a token over the batch: -1 would mean something else there', () =>
    check(
      (x, w) => {
        const token = expand(reshape(slice(w, 0, 0, 1), [1, 1, 4]), [x.shape[0]!, 1, 4]);
        return { y: concat([token, x], 1) };
      },
      [2, 4],
    ));

  it('expands a constant over the batch, and twice the batch', () =>
    check(
      (x) => {
        const B = x.shape[0]!;
        const doubled = concat([x, mul(x, 2)], 0);
        return {
          y: add(expand(floats([1, 2], [1, 2]), [B, 2]), x),
          twice: add(expand(scalar(1), [2 * B, 2]), doubled),
        };
      },
      [2],
    ));

  it('slices and splits along the batch', () =>
    check(
      (x) => {
        const B = x.shape[0]!;
        const both = concat([x, mul(x, -3)], 0);
        const [first, second] = split(both, [B, B], 0);
        return { whole: slice(both, 0, 0, B), back: slice(both, 0, B, 2 * B), first: first!, second: second! };
      },
      [3],
    ));

  it('reshapes with the batch in two extents or beside another -1', () =>
    check(
      (x, w) => {
        const B = x.shape[0]!;
        const outer = matmul(reshape(x, [B, 4]), reshape(x, [B, 4]), { transB: true }); // B B
        return { outer: reshape(outer, [B, 1, B]), y: matmul(reshape(x, [B, 4]), w) };
      },
      [2, 2],
    ));

  it('refuses a constant that spans the batch', () => {
    const spanning = program((x) => ({ y: add(x, floats([OPEN, 1], new Float32Array(OPEN))) }), [1], OPEN);
    expect(() => emit(spanning, { openBatch: OPEN })).toThrow('a constant [10007,1] spans the batch, which is open');
  });

  it('refuses a program without a batched port', () => {
    const none = closeProgram({ y: expand(input('v', [1, 2]), [OPEN, 2]) });
    expect(() => emit(none, { openBatch: OPEN })).toThrow('no input port has the open batch as an extent');
  });
});
