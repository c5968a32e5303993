import { describe, expect, it } from 'vitest';
import { BuildError } from '../../src/graph/errors.ts';
import { type AttributeProto, ModelProtoSchema } from '../../src/onnx/generated/onnx_pb.ts';
import { fromBinary } from '@bufbuild/protobuf';
import { checkSignature } from '../../src/onnx/import/signature.ts';
import { type Attribute, float, node, onnxBytes } from '../parity/onnxBuilder.ts';
import { compareMutants } from './onnxMutants.ts';

/** The long form is `npm run test:mutated`. */
it('240 changed graphs are read as ONNX Runtime reads them, or refused', async () => {
  const { tally, faults } = await compareMutants({ files: 240, seed: 1 });
  expect(faults).toEqual([]);
  expect(tally.same).toBeGreaterThan(30);
  expect(tally.refused).toBeGreaterThan(100);
}, 120_000);

describe('what the standard says of an operator', () => {
  const check = (op: string, inputs: string[], attributes: Record<string, Attribute> = {}, opset = 17, outputs = 1) => {
    const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
    const bytes = onnxBytes({
      nodes: [
        node(
          op,
          inputs.map((type, i) => (type === '' ? '' : `i${i}`)),
          names,
          attributes,
        ),
      ],
    });
    const one = fromBinary(ModelProtoSchema, bytes).graph!.node[0]!;
    const held = new Map<string, AttributeProto>(one.attribute.map((attr) => [attr.name!, attr]));
    return () =>
      checkSignature(
        op,
        one,
        opset,
        held,
        inputs.map((type) => (type === '' ? undefined : type)),
      );
  };

  it.each([
    ['two inputs of a unary operator', check('Sigmoid', ['float', 'float']), 'wanted 1 inputs, got 2'],
    ['Min of nothing', check('Min', []), 'wanted 1 or more inputs, got 0'],
    ['an output too many', check('Relu', ['float'], {}, 17, 2), 'wanted 1 outputs, got 2'],
    ['transB = 2', check('Gemm', ['float', 'float'], { transB: 2 }), 'the attribute transB must be 0 or 1, got 2'],
    ['Gelu of opset 17', check('Gelu', ['float']), 'opsets) from 20 on'],
    ['a float and whole numbers', check('Add', ['float', 'int64']), 'got float and int64 (input 1)'],
    ['whole numbers under a root', check('Sqrt', ['int64']), 'input 0 is int64; wanted float16, float, double'],
    ['halves and floats', check('MatMul', ['float16', 'float']), 'got float16 and float (input 1)'],
    ['an attribute of another type', check('Softmax', ['float'], { axis: float(1) }), 'axis must be INT, got FLOAT'],
    ['an attribute of another operator', check('Relu', ['float'], { axis: 1 }), 'it has no attribute axis'],
    ['an attribute that must be there', check('Concat', ['float', 'float']), 'the attribute axis is missing'],
    ['a hole among the inputs', check('Slice', ['float', 'int64', '', 'int64']), 'input 2 is missing'],
  ])('%s is refused', (_, read, message) => {
    expect(read).toThrow(BuildError);
    expect(read).toThrow(message);
  });

  it('types follow the graph', () => {
    expect(check('Shape', ['float16'])()).toEqual(['int64']);
    expect(check('Add', ['double', 'double'])()).toEqual(['double']);
    expect(check('Cast', ['float'], { to: 10 })()).toEqual(['float16']);
    expect(check('Equal', ['int64', 'int64'])()).toEqual(['bool']);
    expect(check('QuantizeLinear', ['float', 'float'])()).toEqual(['uint8']);
    expect(check('Dropout', ['float'], {}, 17, 2)()).toEqual(['float', 'bool']);
    // Its own optimiser writes it into files of older sets.
    expect(check('LayerNormalization', ['float', 'float'], { axis: -1 }, 12)()).toEqual(['float']);
  });
});
