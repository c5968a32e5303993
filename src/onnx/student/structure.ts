import { clearField, fromBinary, toBinary } from '@bufbuild/protobuf';
import { UserError } from '../../graph/errors.ts';
import { float16Bits } from '../float16.ts';
import {
  type GraphProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
} from '../generated/onnx_pb.ts';
import type { Head } from './head.ts';

/*
 * A user's file without the values of its weights, and with others put in. All else of it stays, to the fields of the format
 * that are not known here.
 */

/** What one message of the format may hold; larger models keep weights in files of their own, which we do not write. */
const MOST_BYTES = 2 ** 31 - 1;

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** The file without the values of these tensors; they are what is trained. */
export function withoutValues(bytes: Uint8Array, names: { has(name: string): boolean }): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  for (const [name, proto] of tensorsOf(model.graph!)) if (names.has(name)) empty(proto);
  return toBinary(ModelProtoSchema, model);
}

/**
 * The file with these values, in the dtype that it has.
 * @throws UserError where it would be larger than one file can be.
 */
export function withValues(bytes: Uint8Array, weights: Weights, where = 'the ONNX file'): Uint8Array {
  const total = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, bytes.length);
  if (total > MOST_BYTES)
    throw new UserError(
      `${where}: wanted at most ${MOST_BYTES} bytes in one ONNX file, got ${total}. Train a smaller model`,
    );
  const model = fromBinary(ModelProtoSchema, bytes);
  for (const [name, proto] of tensorsOf(model.graph!)) {
    const weight = weights.get(name);
    if (weight) fill(proto, weight.data);
  }
  return toBinary(ModelProtoSchema, model);
}

/** The file with another number of classes: the parameters of its head (without values) and what the file says of the values after it. */
export function withClasses(bytes: Uint8Array, { axes, after }: Head, from: number, to: number): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  for (const [name, proto] of tensorsOf(graph)) {
    const axis = axes.get(name);
    // A bias of one number is broadcast.
    if (axis !== undefined && Number(proto.dims[axis]) === from) proto.dims[axis] = BigInt(to);
  }
  for (const info of [...graph.valueInfo, ...graph.output, ...graph.input])
    if (after.has(info.name ?? '') || axes.has(info.name ?? '')) renumber(info, BigInt(from), BigInt(to));
  return toBinary(ModelProtoSchema, model);
}

/** Initialisers, and the values of Constant nodes by the name of their output. */
function* tensorsOf(graph: GraphProto): Generator<[string, TensorProto]> {
  for (const proto of graph.initializer) yield [proto.name ?? '', proto];
  for (const { opType, output, attribute } of graph.node) {
    const proto = opType === 'Constant' ? attribute.find(({ name }) => name === 'value')?.t : undefined;
    if (proto) yield [output[0] ?? '', proto];
  }
}

function empty(proto: TensorProto): void {
  const { rawData, dataLocation, floatData, int32Data, doubleData, externalData } = TensorProtoSchema.field;
  for (const field of [rawData, dataLocation, floatData, int32Data, doubleData, externalData]) clearField(proto, field);
}

/** Encoders of the standard's floats, by number. */
const BYTES: Readonly<Record<number, (data: Float32Array) => Float32Array | Float64Array | Uint16Array>> = {
  1: (data) => data,
  10: float16Bits,
  11: (data) => Float64Array.from(data),
  16: bfloat16Bits,
};

function fill(proto: TensorProto, data: Float32Array): void {
  empty(proto);
  const { buffer, byteOffset, byteLength } = BYTES[proto.dataType ?? 1]!(data);
  proto.rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The upper halves of float32, rounded to nearest, ties to even. */
function bfloat16Bits(data: Float32Array): Uint16Array {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(bits, (x) => (x + 0x7fff + ((x >>> 16) & 1)) >>> 16);
}

function renumber({ type }: ValueInfoProto, from: bigint, to: bigint): void {
  const dims = type?.value.case === 'tensorType' ? (type.value.value.shape?.dim ?? []) : [];
  // The batch stands first, whatever its number.
  for (const { value } of dims.slice(1)) if (value.case === 'dimValue' && value.value === from) value.value = to;
}
