import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { float16ToFloat32 } from '../formats/tensors/halfFloat.ts';
import { apply1, constant, floats, input, scalar } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { withLabel } from '../graph/scope.ts';
import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { add, cast, clip, mul, neg, relu, where } from '../ops/elementwise.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { concat, split, transpose } from '../ops/movement.ts';
import { layerNorm } from '../ops/norm.ts';
import { MaxPool, maxPool } from '../ops/pool.ts';
import { closeProgram } from '../program/program.ts';
import { emit, type EmitOptions } from './emit.ts';
import { float16Bits } from './float16.ts';
import { AttributeProto_AttributeType as Kind, ModelProtoSchema, type ValueInfoProto } from './generated/onnx_pb.ts';

const x = input('x', [2, 3]);

function tensorType(port: ValueInfoProto) {
  const type = port.type!.value;
  if (type.case !== 'tensorType') throw new Error(`${port.name} is not a tensor`);
  return { elemType: type.value.elemType, dims: type.value.shape!.dim.map((d) => String(d.value.value)) };
}

function emitted(outputs: Readonly<Record<string, Tensor>>, options?: EmitOptions) {
  const model = fromBinary(ModelProtoSchema, emit(closeProgram(outputs), options));
  return { model, graph: model.graph! };
}

describe('emit', () => {
  it('states its versions, its name and its metadata', () => {
    const { model } = emitted({ y: neg(x) }, { name: 'student', metadata: { classes: '["a","é"]' } });
    expect([model.irVersion, model.graph!.name]).toEqual([9n, 'student']);
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ['', 20n],
      ['com.microsoft', 1n],
    ]);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([['classes', '["a","é"]']]);
  });

  it('names ports as they are, nodes and values by scope and operator', () => {
    const y = withLabel('blocks.0.mlp', () => relu(neg(x)));
    const { graph } = emitted({ y });
    expect(graph.input.map((port) => port.name)).toEqual(['x']);
    expect(graph.output.map((port) => port.name)).toEqual(['y']);
    expect(graph.node.map(({ name, input, output }) => [name, input, output])).toEqual([
      ['blocks.0.mlp/Neg#0', ['x'], ['blocks.0.mlp/Neg_0']],
      ['blocks.0.mlp/Relu#1', ['blocks.0.mlp/Neg_0'], ['y']],
    ]);
  });

  it('writes attributes as the type that ONNX wants: whole-numbered floats too', () => {
    const { graph } = emitted({
      y: transpose(gemm(x, x, undefined, { transB: true, alpha: 2 }), [1, 0]),
      z: layerNorm(x, floats([3], [1, 2, 3]), floats([3], [0, 1, 0]), 1e-6),
      batch: matmul(input('b', [2, 2, 3]), input('c', [2, 2, 3]), { transB: true, alpha: 0.5 }),
      s: apply1(MaxPool, [input('m', [1, 1, 2, 2])], {
        kernel_shape: [2, 2],
        strides: [2, 2],
        pads: [0, 0, 0, 0],
        auto_pad: 'NOTSET',
      }),
    });
    const written = (type: string) =>
      Object.fromEntries(
        graph.node
          .find((node) => node.opType === type)!
          .attribute.map(({ name, type, f, i, ints, s }) => [
            name,
            type === Kind.FLOAT
              ? ['float', f]
              : type === Kind.INT
                ? ['int', Number(i)]
                : type === Kind.INTS
                  ? ['ints', ints.map(Number)]
                  : ['string', String.fromCharCode(...s)],
          ]),
      );
    expect(written('Gemm')).toEqual({
      transA: ['int', 0],
      transB: ['int', 1],
      alpha: ['float', 2],
      beta: ['float', 1],
    });
    expect(written('Transpose')).toEqual({ perm: ['ints', [1, 0]] });
    expect(written('LayerNormalization')).toEqual({ axis: ['int', -1], epsilon: ['float', Math.fround(1e-6)] });
    expect(written('FusedMatMul').alpha).toEqual(['float', 0.5]);
    expect(written('MaxPool').auto_pad).toEqual(['string', 'NOTSET']);
    expect(graph.node.find((node) => node.opType === 'FusedMatMul')!.domain).toBe('com.microsoft');
  });

  it('leaves out optional inputs, and optional outputs that nothing uses', () => {
    const m = input('m', [1, 1, 2, 2]);
    const [value, at] = [maxPool(m, { kernel: 2 }), maxPool(m, { kernel: 2 }).node.outputs[1]!];
    expect(emitted({ value }).graph.node[0]!.output).toEqual(['value']);
    expect(emitted({ value, at }).graph.node[0]!.output).toEqual(['value', 'at']);
    const clipped = apply1(clip(x, 0, 1).node.op, [x, undefined, scalar(1)]);
    expect(emitted({ clipped }).graph.node[0]!.input.slice(0, 2)).toEqual(['x', '']);
  });

  it('names every piece of a split, used or not: ONNX Runtime needs them', () => {
    const [node] = emitted({ y: split(x, [1, 2], 1)[1]! }).graph.node;
    expect(node!.output.filter((name) => name !== '')).toHaveLength(2);
    expect(node!.output[1]).toBe('y');
  });

  it('copies what has a name already: an input, a constant, one value under two names', () => {
    const { graph } = emitted({ a: neg(x), b: neg(x), same: x, one: scalar(1) });
    const copies = graph.node
      .filter((node) => node.opType === 'Identity')
      .map((node) => [node.input[0], node.output[0]]);
    expect(copies).toEqual([
      ['a', 'b'],
      ['x', 'same'],
      [graph.initializer[0]!.name, 'one'],
    ]);
  });

  it('writes constants of each dtype as little-endian bytes', () => {
    const bytesOf = (t: Tensor) => {
      const [initializer] = emitted({ out: t }).graph.initializer;
      return [initializer!.dataType, initializer!.dims.map(Number), Array.from(initializer!.rawData)];
    };
    expect(bytesOf(floats([1], [1.5]))).toEqual([1, [1], [0, 0, 0xc0, 0x3f]]);
    expect(bytesOf(floats([2], new Float32Array([9, 1.5, 0]).subarray(1)))).toEqual([
      1,
      [2],
      [0, 0, 0xc0, 0x3f, 0, 0, 0, 0],
    ]);
    expect(bytesOf(scalar(-2, 'int64'))).toEqual([7, [], [254, 255, 255, 255, 255, 255, 255, 255]]);
    expect(bytesOf(scalar(-2, 'int32'))).toEqual([6, [], [254, 255, 255, 255]]);
    expect(bytesOf(scalar(-2, 'int8'))).toEqual([3, [], [254]]);
    expect(bytesOf(scalar(200, 'uint8'))).toEqual([2, [], [200]]);
    expect(bytesOf(scalar(1, 'bool'))).toEqual([9, [], [1]]);
    expect(bytesOf(constant(ndArray([2], [1, -0.5], 'float16')))).toEqual([10, [2], [0, 0x3c, 0, 0xb8]]);
  });

  it('types its ports', () => {
    const flag = greater(x, 0);
    const { graph } = emitted({ flag, index: cast(flag, 'int64'), y: where(flag, x, 0) });
    const typed = [...graph.input, ...graph.output].map((port) => [port.name, ...Object.values(tensorType(port))]);
    expect(typed).toEqual([
      ['x', 1, ['2', '3']],
      ['flag', 9, ['2', '3']],
      ['index', 7, ['2', '3']],
      ['y', 1, ['2', '3']],
    ]);
  });

  it('names the open batch in the types of its ports', () => {
    const images = input('images', [10007, 3]);
    const { graph } = emitted({ y: neg(images), pairs: concat([images, images], 0) }, { openBatch: 10007 });
    expect([...graph.input, ...graph.output].map((port) => tensorType(port).dims)).toEqual([
      ['batch', '3'],
      ['batch', '3'],
      ['batch*2', '3'],
    ]);
  });

  it('puts an empty sequence before all outputs where one is asked for', () => {
    const { graph } = emitted({ y: neg(x) }, { emptySequence: 'end' });
    expect(graph.output.map(({ name, type }) => [name, type!.value.case])).toEqual([
      ['end', 'sequenceType'],
      ['y', 'tensorType'],
    ]);
    expect(graph.node.find((node) => node.output[0] === 'end')!.opType).toBe('SequenceEmpty');
  });

  it('gives the same bytes for the same graph', () => {
    const build = () => emit(closeProgram({ y: add(mul(input('p', [2, 3]), 2), floats([3], [1, 2, 3])) }));
    expect(build()).toEqual(build());
  });
});

describe('float16Bits', () => {
  it('gives back the bits of every float16 number', () => {
    const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i).filter(
      (b) => (b & 0x7c00) !== 0x7c00 || (b & 0x3ff) === 0,
    );
    expect(bits.length).toBe(65536 - 2 * 1023);
    expect(float16Bits(float16ToFloat32(bits))).toEqual(bits);
  });

  it('rounds to nearest, ties to even, overflows to infinity', () => {
    const rounded = (...values: number[]) => Array.from(float16ToFloat32(float16Bits(values)));
    expect(rounded(2049, 2051, 2049.01, 65519, 65520, -1e9)).toEqual([2048, 2052, 2050, 65504, Infinity, -Infinity]);
    expect(rounded(2 ** -25, 1.5 * 2 ** -25, 1023.5 * 2 ** -24, 0.1)).toEqual([0, 2 ** -24, 2 ** -14, 0.0999755859375]);
    expect(float16Bits([Number.NaN])[0]).toBe(0x7e00);
  });
});
