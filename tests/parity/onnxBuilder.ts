import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { float16Bits } from '../../src/onnx/float16.ts';
import {
  AttributeProto_AttributeType as Type,
  type AttributeProtoSchema,
  type FunctionProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '../../src/onnx/generated/onnx_pb.ts';

export type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;
export type NodeInit = Init<typeof NodeProtoSchema>;
export type TensorInit = Init<typeof TensorProtoSchema>;
export type GraphInit = Init<typeof GraphProtoSchema>;

/** A whole number is INT unless it is wrapped: `float(1)`. */
export const float = (value: number) => ({ float: value });
export type Attribute =
  | number
  | string
  | readonly number[]
  | { float: number }
  | { floats: number[] }
  | { tensor: TensorInit }
  | { graph: GraphInit }
  | { ref: string };

function attribute(name: string, value: Attribute): Init<typeof AttributeProtoSchema> {
  if (typeof value === 'number') return { name, type: Type.INT, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: Type.STRING, s: new TextEncoder().encode(value) };
  if ('length' in value) return { name, type: Type.INTS, ints: value.map(BigInt) };
  if ('float' in value) return { name, type: Type.FLOAT, f: value.float };
  if ('floats' in value) return { name, type: Type.FLOATS, floats: value.floats };
  if ('tensor' in value) return { name, type: Type.TENSOR, t: value.tensor };
  if ('graph' in value) return { name, type: Type.GRAPH, g: value.graph };
  return { name, type: Type.INT, refAttrName: value.ref };
}

/** `node('Conv', ['x', 'w'], ['y'], { group: 2 })`; a domain stands in front: `com.microsoft::Gelu`. */
export function node(
  op: string,
  input: string[],
  output: string[],
  attributes: Record<string, Attribute> = {},
): NodeInit {
  const [domain, opType] = op.includes('::') ? (op.split('::') as [string, string]) : ['', op];
  const attrs = Object.entries(attributes).map(([name, value]) => attribute(name, value));
  return { opType, domain, input, output, name: `n_${output[0]}`, attribute: attrs };
}

const raw = (array: Float32Array | BigInt64Array | Int8Array | Uint8Array | Int32Array | Uint16Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();

export const floatTensor = (name: string, dims: number[], data: ArrayLike<number>): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: 1,
  rawData: raw(Float32Array.from(data)),
});
export const halfTensor = (name: string, dims: number[], data: ArrayLike<number>): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: 10,
  rawData: raw(float16Bits(data)),
});
export const intTensor = (name: string, data: number[], dims: number[] = [data.length]): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: 7,
  int64Data: data.map(BigInt),
});
export const byteTensor = (name: string, dims: number[], data: ArrayLike<number>, signed = false): TensorInit => ({
  name,
  dims: dims.map(BigInt),
  dataType: signed ? 3 : 2,
  rawData: raw(signed ? Int8Array.from(data) : Uint8Array.from(data)),
});

type Dim = number | string;

export function port(name: string, dims: readonly Dim[], elemType = 1): Init<typeof ValueInfoProtoSchema> {
  const dim = dims.map((n) => ({
    value:
      typeof n === 'number' ? { case: 'dimValue' as const, value: BigInt(n) } : { case: 'dimParam' as const, value: n },
  }));
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } };
}

export interface FileInit {
  readonly nodes: NodeInit[];
  readonly weights?: TensorInit[];
  readonly input?: readonly Dim[];
  readonly output?: string;
  /** Shape of the output that the file declares. */
  readonly declared?: readonly Dim[];
  readonly opset?: number;
  readonly functions?: Init<typeof FunctionProtoSchema>[];
  readonly graph?: GraphInit;
}

/** An ONNX file with the image input `x`. */
export function onnxBytes({
  nodes,
  weights = [],
  input = ['N', 3, 8, 8],
  output = 'logits',
  declared = ['N', 'K'],
  opset = 17,
  functions = [],
  graph = {},
}: FileInit): Uint8Array {
  const domains = ['com.microsoft', ...new Set(functions.map(({ domain }) => domain ?? ''))];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: BigInt(opset) }, ...domains.map((domain) => ({ domain, version: 1n }))],
      functions,
      graph: {
        name: 'g',
        node: nodes,
        initializer: weights,
        input: [port('x', input)],
        output: [port(output, declared)],
        ...graph,
      },
    }),
  );
}

/** Numbers between -1 and 1 that repeat late. */
export const numbers = (count: number, scale = 1, phase = 0): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => scale * (((i * 7919 + phase * 613) % 1009) / 504.5 - 1));
