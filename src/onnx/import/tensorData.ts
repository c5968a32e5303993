import { UserError } from '../../graph/errors.ts';
import type { NdArray, NumericArray } from '../../graph/ndArray.ts';
import type { DType } from '../../graph/dtype.ts';
import { TensorProto_DataLocation as DataLocation, type TensorProto } from '../generated/onnx_pb.ts';
import { fromBfloat16, fromFloat16, littleEndian } from './halfFloats.ts';

/** Bytes of a tensor that lies in a file of its own, checked to be `bytes` long. */
export type ReadExternal = (proto: TensorProto, bytes: number) => Uint8Array;

interface Kind {
  readonly name: string;
  readonly bytes: number;
  /** What it becomes: halves and doubles are float32, the rarer integers int64, which holds all their values. */
  readonly dtype: DType;
  /** From the raw little-endian bytes. */
  read(raw: Uint8Array): NumericArray;
  /** The field that may hold it instead of raw bytes. */
  readonly list: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data';
}

const kind = (name: string, bytes: number, dtype: DType, list: Kind['list'], read: Kind['read']): Kind => ({
  name,
  bytes,
  dtype,
  read,
  list,
});

const longs = (unsigned: boolean) => (raw: Uint8Array) => {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const at = (i: number) => (unsigned ? view.getBigUint64(i * 8, true) : view.getBigInt64(i * 8, true));
  return Float64Array.from({ length: raw.byteLength / 8 }, (_, i) => whole(at(i)));
};

/** ONNX writes "to the end" as the largest int64; beyond 2^53 a number is that and nothing else. */
function whole(value: bigint | number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

/** By the standard's number, TensorProto.DataType. */
const KINDS: Readonly<Record<number, Kind>> = {
  1: kind('float32', 4, 'float32', 'floatData', (raw) => littleEndian(raw, 4, Float32Array)),
  2: kind('uint8', 1, 'uint8', 'int32Data', (raw) => raw),
  3: kind('int8', 1, 'int8', 'int32Data', (raw) => littleEndian(raw, 1, Int8Array)),
  4: kind('uint16', 2, 'int64', 'int32Data', (raw) => littleEndian(raw, 2, Uint16Array)),
  5: kind('int16', 2, 'int64', 'int32Data', (raw) => Float64Array.from(littleEndian(raw, 2, Int16Array))),
  6: kind('int32', 4, 'int32', 'int32Data', (raw) => littleEndian(raw, 4, Int32Array)),
  7: kind('int64', 8, 'int64', 'int64Data', longs(false)),
  9: kind('bool', 1, 'bool', 'int32Data', (raw) => raw.map((b) => (b === 0 ? 0 : 1))),
  10: kind('float16', 2, 'float32', 'int32Data', (raw) => fromFloat16(littleEndian(raw, 2, Uint16Array))),
  11: kind('float64', 8, 'float32', 'doubleData', (raw) => Float32Array.from(littleEndian(raw, 8, Float64Array))),
  12: kind('uint32', 4, 'int64', 'uint64Data', (raw) => Float64Array.from(littleEndian(raw, 4, Uint32Array))),
  13: kind('uint64', 8, 'int64', 'uint64Data', longs(true)),
  16: kind('bfloat16', 2, 'float32', 'int32Data', (raw) => fromBfloat16(littleEndian(raw, 2, Uint16Array))),
};

/** How many bytes of its own file a tensor takes; 0 where it lies in the model's. */
export function externalBytes({ dataLocation, dataType, dims }: TensorProto): number {
  if (dataLocation !== DataLocation.EXTERNAL) return 0;
  return dims.reduce((product, n) => product * Number(n), KINDS[dataType ?? 0]?.bytes ?? 0);
}

const OTHERS: Readonly<Record<number, string>> = { 8: 'string', 14: 'complex64', 15: 'complex128' };

/** What a tensor of the standard's data type number becomes here, or undefined. */
export function dtypeOf(code: number): DType | undefined {
  return KINDS[code]?.dtype;
}

/** @throws UserError, with the tensor's name, if its dtype is not supported or its size is not what its dims say. */
export function readTensor(proto: TensorProto, where: string, external: ReadExternal): NdArray {
  const named = `${where}: tensor "${proto.name ?? ''}"`;
  const found = KINDS[proto.dataType ?? 0];
  if (!found)
    throw new UserError(
      `${named}: wanted a dtype of ${Object.values(KINDS)
        .map(({ name }) => name)
        .join(', ')}, got ${OTHERS[proto.dataType ?? 0] ?? `number ${proto.dataType ?? 0} of the ONNX standard`}`,
    );
  const shape = proto.dims.map(Number);
  const count = elements(shape, named);
  const data = dataOf(proto, found, count, named, external);
  if (found.dtype === 'float32') refuseNaN(data, named);
  return { dtype: found.dtype, shape, data };
}

function elements(shape: readonly number[], named: string): number {
  const count = shape.reduce((product, n) => product * n, 1);
  if (shape.length > 16 || shape.some((n) => n < 0) || !(count <= 2 ** 31))
    throw new UserError(`${named}: wanted dims of at most 2^31 elements, got [${shape.slice(0, 16).join(',')}]`);
  return count;
}

function dataOf(proto: TensorProto, kind: Kind, count: number, named: string, external: ReadExternal): NumericArray {
  const bytes = count * kind.bytes;
  if (proto.dataLocation === DataLocation.EXTERNAL) return kind.read(external(proto, bytes));
  const raw = proto.rawData;
  if (raw !== undefined && raw.length > 0) {
    if (raw.length !== bytes) throw wrongSize(named, proto, kind, bytes, `${raw.length} bytes`);
    return kind.read(raw);
  }
  const list = proto[kind.list];
  if (list.length !== count) throw wrongSize(named, proto, kind, bytes, `${list.length} numbers`);
  return fromList(list, kind);
}

function wrongSize(named: string, { dims }: TensorProto, kind: Kind, bytes: number, got: string): UserError {
  return new UserError(
    `${named}: wanted ${bytes} bytes for ${kind.name} [${dims.join(',')}], got ${got}. Was the file cut off, or are its weights in a file of their own that was not named?`,
  );
}

function fromList(list: readonly number[] | readonly bigint[], { name, dtype }: Kind): NumericArray {
  if (name === 'float16') return fromFloat16(Uint16Array.from(list as readonly number[]));
  if (name === 'bfloat16') return fromBfloat16(Uint16Array.from(list as readonly number[]));
  if (dtype === 'float32') return Float32Array.from(list as readonly number[]);
  if (dtype === 'int8') return Int8Array.from(list as readonly number[]);
  if (dtype === 'uint8') return Uint8Array.from(list as readonly number[]);
  return Float64Array.from(list as readonly (number | bigint)[], whole);
}

/** Infinities may be meant (a mask of -inf); NaN is a broken model, and every answer would be NaN. */
function refuseNaN(data: NumericArray, named: string): void {
  let found = 0;
  for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) found++;
  if (found > 0)
    throw new UserError(
      `${named}: wanted numbers, got NaN in ${found} of ${data.length} elements. The model is broken: train or export it again`,
    );
}
