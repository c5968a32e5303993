import { UserError } from '../../graph/errors.ts';
import { MOST_TENSORS } from '../../models/limits.ts';
import { asObject, show } from '../disk/jsonValue.ts';
import { type SafetensorsFile, toFloat32 } from './safetensors.ts';
import type { Header } from './safetensorsHeader.ts';
import type { Weight } from './weight.ts';

/** The tensors of one file or of several shards, by the names that stand there. */
export interface WeightFiles {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Reads tensors as float32, a file at a time. */
  read(names: ReadonlySet<string>): Promise<Map<string, Weight>>;
}

/** A file of safetensors, wherever it lies. */
export interface Shard {
  /** What messages call it. */
  readonly where: string;
  header(): Promise<Header>;
  tensors(): Promise<SafetensorsFile>;
}

/** A folder's file of all weights, and the list of its shards. */
export const SINGLE = 'model.safetensors';
export const INDEX = `${SINGLE}.index.json`;

const FLOATS = ['F32', 'F16', 'BF16', 'F64'];

/** Looks at the shards of a model without reading their data. @throws UserError where they are malformed or no weights of a model. */
export async function openShards(shards: readonly Shard[]): Promise<WeightFiles> {
  const headers = new Map<string, readonly number[]>();
  const fileOf = new Map<string, string>();
  for (const { where, header } of shards) {
    for (const { name, dtype, shape } of (await header()).entries) {
      if (fileOf.has(name))
        throw new UserError(`${where}: wanted each tensor once, got ${name} in ${fileOf.get(name)} too`);
      checkTensor(where, name, dtype, shape);
      headers.set(name, shape);
      fileOf.set(name, where);
    }
    if (headers.size > MOST_TENSORS)
      throw new UserError(
        `${where}: wanted the weights of a model, at most ${MOST_TENSORS} tensors, got ${headers.size}`,
      );
  }
  return { shapes: headers, read: (names) => readFrom(shards, names) };
}

/** Buffers that count or index are whole numbers and are not read; weights have to be floats. */
function checkTensor(file: string, name: string, dtype: string, shape: readonly number[]): void {
  if (shape.some((size) => size === 0))
    throw new UserError(`${file}: ${name.slice(0, 80)}: wanted a tensor with elements, got shape [${shape}]`);
  if (!FLOATS.includes(dtype) && !/(num_batches_tracked|position_ids)$/.test(name))
    throw new UserError(
      `${file}: ${name.slice(0, 80)}: wanted weights as ${FLOATS.join(', ')}, got ${dtype}. Quantised weights are not read: take the unquantised file`,
    );
}

async function readFrom(shards: readonly Shard[], names: ReadonlySet<string>): Promise<Map<string, Weight>> {
  const weights = new Map<string, Weight>();
  for (const shard of shards) {
    const { tensors } = await shard.tensors();
    for (const [name, tensor] of tensors)
      if (names.has(name)) weights.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  }
  return weights;
}

/**
 * The files that an index names. They are names of files beside it, so that it cannot lead out of the folder.
 * @throws UserError for any other path.
 */
export function shardNames(index: Readonly<Record<string, unknown>>, where: string): string[] {
  const names = [...new Set(Object.values(asObject(index.weight_map)))];
  if (names.length === 0 || names.length > 1000)
    throw new UserError(`${where}: weight_map: wanted 1 to 1000 files, got ${names.length}`);
  for (const name of names)
    if (typeof name !== 'string' || !/^\w[\w.-]*\.safetensors$/.test(name))
      throw new UserError(`${where}: weight_map: wanted names of .safetensors files beside it, got ${show(name)}`);
  return (names as string[]).sort();
}
