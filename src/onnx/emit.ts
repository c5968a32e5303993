import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { append } from '../graph/lists.ts';
import { Constant, Input } from '../graph/build.ts';
import { internal } from '../graph/errors.ts';
import type { NdArray } from '../graph/ndArray.ts';
import type { AttrValue, Node, Tensor } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';
import { topologicalOrder } from '../graph/walk.ts';
import type { Program } from '../program/program.ts';
import { float16Bits } from './float16.ts';
import { type ExtraNode, openBatchOf, plain } from './openBatch.ts';
import {
  AttributeProto_AttributeType as AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './generated/onnx_pb.ts';

export const OPSET = 20;
/** The IR version that belongs to opset 20. */
const IR_VERSION = 9n;

export const ONNX_DTYPES: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};

export interface EmitOptions {
  readonly name?: string;
  /**
   * A batch size, a prime that divides no other extent of the program: every extent that it divides is emitted as the open
   * dimension `batch`, and reshapes say -1 there (see openBatch.ts).
   */
  readonly openBatch?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The name of a further output before all others: a sequence of no tensors. */
  readonly emptySequence?: string;
}

type Init<T extends Parameters<typeof create>[0]> = MessageInitShape<T>;

/** A program as an ONNX model file. A loop over the nodes; no operator is named in it. */
export function emit(
  program: Program,
  { name = 'understudy', openBatch, metadata = {}, emptySequence }: EmitOptions = {},
): Uint8Array {
  const names = nameTensors(program);
  const used = usedTensors(program);
  const open = openBatch === undefined ? undefined : openBatchOf(program, openBatch);
  const nodes: Init<typeof NodeProtoSchema>[] = (open?.header ?? []).map(extraNode);
  const initializers: Init<typeof TensorProtoSchema>[] = [];
  for (const node of topologicalOrder([...program.outputs.values()])) {
    if (node.op === Input) continue;
    if (node.op === Constant) {
      const name = names.get(node.outputs[0]!)!;
      const emitted = open?.constant(node, name) ?? plain(node.attrs.value as NdArray, name);
      append(
        initializers,
        emitted.initializers.map((one) => tensorProto(one.value, one.name)),
      );
      append(nodes, emitted.nodes.map(extraNode));
    } else nodes.push(nodeProto(node, names, used, nodes.length));
  }
  for (const [port, tensor] of program.outputs)
    if (names.get(tensor) !== port)
      nodes.push(extraNode({ opType: 'Identity', input: [names.get(tensor)!], output: [port] }));
  const sequences = emptySequence === undefined ? [] : [emptySequence];
  for (const port of sequences) nodes.push(extraNode({ opType: 'SequenceEmpty', input: [], output: [port] }));
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'understudy',
    opsetImport: [
      { domain: '', version: BigInt(OPSET) },
      { domain: 'com.microsoft', version: 1n },
    ],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name,
      node: nodes,
      initializer: initializers,
      input: [...program.inputs].map(([port, tensor]) => valueInfo(port, tensor, openBatch)),
      output: [
        ...sequences.map(sequenceInfo),
        ...[...program.outputs].map(([port, tensor]) => valueInfo(port, tensor, openBatch)),
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** Input ports and output ports carry their own names, everything else the scope, the operator and a number. */
function nameTensors(program: Program): Map<Tensor, string> {
  const names = new Map<Tensor, string>();
  for (const [port, tensor] of program.inputs) names.set(tensor, port);
  for (const [port, tensor] of program.outputs)
    if (!names.has(tensor) && tensor.node.op !== Constant) names.set(tensor, port);
  let count = 0;
  for (const node of topologicalOrder([...program.outputs.values()]))
    for (const tensor of node.outputs)
      if (!names.has(tensor)) names.set(tensor, `${node.label}/${node.op.name}_${count++}`);
  return names;
}

function usedTensors(program: Program): Set<Tensor> {
  const outputs = [...program.outputs.values()];
  const read = topologicalOrder(outputs).flatMap((node) => node.inputs.filter((t) => t !== undefined));
  return new Set([...outputs, ...read]);
}

function extraNode({ opType, input, output, ints = {} }: ExtraNode): Init<typeof NodeProtoSchema> {
  const attributes = Object.entries(ints).map(([key, value]) => attribute(key, value, false));
  return { name: `${output[0]}/${opType}`, opType, input, output, attribute: attributes };
}

function nodeProto(
  node: Node,
  names: ReadonlyMap<Tensor, string>,
  used: ReadonlySet<Tensor>,
  count: number,
): Init<typeof NodeProtoSchema> {
  const unused = (t: Tensor) => node.op.optionalOutputs && t.index > 0 && !used.has(t);
  const output = node.outputs.map((t) => (unused(t) ? '' : names.get(t)!));
  // An empty name at the end makes ONNX Runtime's layout rewriting of 8-bit pools lose their result.
  while (output.at(-1) === '') output.pop();
  return {
    name: `${node.label}/${node.op.name}#${count}`,
    opType: node.op.name,
    domain: node.op.domain ?? '',
    input: node.inputs.map((t) => (t ? names.get(t)! : '')),
    output,
    attribute: Object.entries(node.attrs).map(([key, value]) =>
      attribute(key, value, node.op.floatAttrs?.includes(key) ?? false),
    ),
  };
}

function attribute(name: string, value: AttrValue, float: boolean): Init<typeof AttributeProtoSchema> {
  if (typeof value === 'number')
    return float ? { name, type: AttributeType.FLOAT, f: value } : { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: utf8(value) };
  if (Array.isArray(value)) return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
  throw internal(`attribute ${name} cannot be emitted`);
}

function valueInfo(name: string, { dtype, shape }: Tensor, openBatch?: number): Init<typeof ValueInfoProtoSchema> {
  const dim = shape.map((n) =>
    openBatch && n % openBatch === 0 && n > 0
      ? { value: { case: 'dimParam' as const, value: n === openBatch ? 'batch' : `batch*${n / openBatch}` } }
      : { value: { case: 'dimValue' as const, value: BigInt(n) } },
  );
  return { name, type: { value: { case: 'tensorType', value: { elemType: ONNX_DTYPES[dtype], shape: { dim } } } } };
}

export function tensorProto({ dtype, shape, data }: NdArray, name: string): Init<typeof TensorProtoSchema> {
  return { name, dims: shape.map(BigInt), dataType: ONNX_DTYPES[dtype], rawData: rawBytes(dtype, data) };
}

function rawBytes(dtype: DType, data: NdArray['data']): Uint8Array {
  const typed = (() => {
    if (dtype === 'float32') return data instanceof Float32Array ? data : Float32Array.from(data);
    if (dtype === 'int64') return BigInt64Array.from(Array.from(data, BigInt));
    if (dtype === 'int32') return Int32Array.from(data);
    if (dtype === 'float16') return float16Bits(data);
    return dtype === 'int8' ? Int8Array.from(data) : Uint8Array.from(data);
  })();
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

/** Attribute strings are ASCII operator settings. */
function utf8(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function sequenceInfo(name: string): Init<typeof ValueInfoProtoSchema> {
  const elemType = { value: { case: 'tensorType' as const, value: { elemType: ONNX_DTYPES.float32 } } };
  return { name, type: { value: { case: 'sequenceType', value: { elemType } } } };
}
