import { internal } from '../../graph/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from './halfFloat.ts';
import { elementBytes, elementCount, type Header, headerLength, parseHeader } from './safetensorsHeader.ts';
import type { SafetensorsDtype } from './safetensorsHeader.ts';

export type { SafetensorsDtype };

/** Typed array of each dtype. Half floats are their bits; a BOOL is 0 or 1. */
const arrayOf = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** The typed array that holds a dtype's elements. */
export type SafetensorsData<D extends SafetensorsDtype = SafetensorsDtype> = InstanceType<(typeof arrayOf)[D]>;

/** Row-major; `data.length` is the product of `shape` ([] is a scalar). A union over dtypes, so `dtype` narrows `data`. */
export type SafetensorsTensor = {
  [D in SafetensorsDtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: SafetensorsData<D> };
}[SafetensorsDtype];

export interface SafetensorsFile {
  /** In the order of the file's header. */
  readonly tensors: Map<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

export type SafetensorsSource = Iterable<readonly [name: string, tensor: SafetensorsTensor]>;

/**
 * A whole file as bytes. The header names the tensors in the given order; the same tensors give the same bytes.
 * Format: https://github.com/huggingface/safetensors#format
 */
export function encodeSafetensors(
  tensors: SafetensorsSource,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const chunks = safetensorsChunks(tensors, metadata);
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * The same file as pieces to be written one after another: the header, then each tensor's own memory, not copied.
 * Wide elements are laid out first (the reference writer does so too), so that every tensor stays aligned when mapped.
 */
export function safetensorsChunks(
  tensors: SafetensorsSource,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const named = [...tensors];
  checkEncodable(named);
  const { header, order } = safetensorsHead(named, metadata);
  const tensor = new Map(named);
  return [header, ...order.map((name) => viewBytes(tensor.get(name)!.data))];
}

/** The header of a file whose tensors are written one after another in `order`. */
export function safetensorsHead(
  named: readonly (readonly [name: string, type: Pick<SafetensorsTensor, 'dtype' | 'shape'>])[],
  metadata: Readonly<Record<string, string>> = {},
): { readonly header: Uint8Array; readonly order: readonly string[] } {
  const laidOut = [...named].sort(([, a], [, b]) => elementBytes[b.dtype] - elementBytes[a.dtype]);
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const [name, { dtype, shape }] of laidOut) {
    const bytes = elementBytes[dtype] * shape.reduce((size, side) => size * side, 1);
    offsets.set(name, [end, end + bytes]);
    end += bytes;
  }
  // Joined by hand: an object would move names that look like integers to the front.
  const parts = named.map(([name, { dtype, shape }]) =>
    member(name, { dtype, shape, data_offsets: offsets.get(name)! }),
  );
  if (Object.keys(metadata).length > 0) parts.unshift(member('__metadata__', metadata));
  return { header: headerBytes(`{${parts.join(',')}}`), order: laidOut.map(([name]) => name) };
}

/**
 * Read a whole file. Tensors share the memory of `bytes` where their offset is aligned, and are copies elsewhere.
 * @param where what messages call the file.
 * @throws UserError if the file is malformed in any way; nothing in proportion to a false size is allocated.
 */
export function decodeSafetensors(bytes: Uint8Array, where = 'safetensors'): SafetensorsFile {
  const length = headerLength(bytes.subarray(0, 8), bytes.length, where);
  const data = bytes.subarray(8 + length);
  return viewTensors(parseHeader(bytes.subarray(8, 8 + length), data.length, where), data);
}

/** The tensors of a checked header over its data part. */
export function viewTensors(header: Header, data: Uint8Array): SafetensorsFile {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end } of header.entries) {
    const array = viewArray(dtype, data.subarray(begin, end));
    tensors.set(name, { dtype, shape, data: array } as SafetensorsTensor);
  }
  return { tensors, metadata: header.metadata };
}

/** Values as float32: an F32 tensor's own array, a converted copy of the others. F64 and integers round to nearest. */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  switch (tensor.dtype) {
    case 'F32':
      return tensor.data;
    case 'F16':
      return float16ToFloat32(tensor.data);
    case 'BF16':
      return bfloat16ToFloat32(tensor.data);
    case 'I64':
      return Float32Array.from(tensor.data, Number);
    default:
      return Float32Array.from(tensor.data);
  }
}

function viewArray(dtype: SafetensorsDtype, bytes: Uint8Array): SafetensorsData {
  const width = elementBytes[dtype];
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new arrayOf[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / width);
}

function checkEncodable(named: readonly (readonly [string, SafetensorsTensor])[]): void {
  const seen = new Set(['__metadata__']);
  for (const [name, { dtype, shape, data }] of named) {
    if (seen.has(name)) throw internal(`safetensors: the name "${name}" is reserved or given twice`);
    seen.add(name);
    if (!(data instanceof arrayOf[dtype])) {
      throw internal(`safetensors: "${name}": ${dtype} wants ${arrayOf[dtype].name}, got ${data.constructor.name}`);
    }
    if (elementCount(shape) !== data.length) {
      throw internal(`safetensors: "${name}": shape [${shape}] does not hold ${data.length} elements`);
    }
  }
}

function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

/** Length and JSON, padded with spaces so that the data begins at a multiple of 8. */
function headerBytes(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}

function viewBytes(data: SafetensorsData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A float32 tensor over `data`, uncopied. */
export function float32Tensor(shape: readonly number[], data: Float32Array): SafetensorsTensor {
  return { dtype: 'F32', shape, data: data as Float32Array<ArrayBuffer> };
}
