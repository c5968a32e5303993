import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { MOST_TENSORS } from '../../models/limits.ts';
import { asObject, show } from '../disk/jsonValue.ts';
import { readJsonFile } from '../disk/jsonFileNode.ts';
import { isPickle, pickleError } from './pickleNode.ts';
import { toFloat32 } from './safetensors.ts';
import { readSafetensors, readSafetensorsHeader } from './safetensorsNode.ts';
import type { Weight } from './weight.ts';

/** The tensors of one file or of several shards, by the names that stand there. */
export interface WeightFiles {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Reads tensors as float32, a file at a time. */
  read(names: ReadonlySet<string>): Promise<Map<string, Weight>>;
}

const INDEX = 'model.safetensors.index.json';
const FLOATS = ['F32', 'F16', 'BF16', 'F64'];

/**
 * Opens the weights of a folder (model.safetensors, or its shards) or a single file, without reading their data.
 * @throws UserError if there are none, they are malformed, or they are a pickle.
 */
export async function openWeights(path: string): Promise<WeightFiles> {
  const files = statSync(path).isDirectory() ? await filesOf(path) : [path];
  const headers = new Map<string, readonly number[]>();
  const fileOf = new Map<string, string>();
  for (const file of files) {
    if (await isPickle(file)) throw pickleError(file);
    for (const { name, dtype, shape } of (await readSafetensorsHeader(file)).entries) {
      if (fileOf.has(name))
        throw new UserError(`${file}: wanted each tensor once, got ${name} in ${fileOf.get(name)} too`);
      checkTensor(file, name, dtype, shape);
      headers.set(name, shape);
      fileOf.set(name, file);
    }
    if (headers.size > MOST_TENSORS)
      throw new UserError(
        `${file}: wanted the weights of a model, at most ${MOST_TENSORS} tensors, got ${headers.size}`,
      );
  }
  return { shapes: headers, read: (names) => readFrom(files, names) };
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

async function readFrom(files: readonly string[], names: ReadonlySet<string>): Promise<Map<string, Weight>> {
  const weights = new Map<string, Weight>();
  for (const file of files) {
    const { tensors } = await readSafetensors(file);
    for (const [name, tensor] of tensors)
      if (names.has(name)) weights.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  }
  return weights;
}

async function filesOf(dir: string): Promise<string[]> {
  const single = join(dir, 'model.safetensors');
  if (existsSync(single)) return [single];
  if (existsSync(join(dir, INDEX)))
    return shardNames(await readJsonFile(join(dir, INDEX)), join(dir, INDEX)).map((name) => present(dir, name));
  const pickles = readdirSync(dir).filter((name) => /\.(bin|pth?|ckpt)$/i.test(name) && !name.endsWith('.index.json'));
  if (pickles[0] !== undefined) throw pickleError(join(dir, pickles[0]));
  throw new UserError(`${dir}: wanted model.safetensors or ${INDEX} with its shards, got neither`);
}

function present(dir: string, name: string): string {
  const path = join(dir, name);
  if (existsSync(path)) return path;
  throw new UserError(`${join(dir, INDEX)}: the shard ${name} is missing; copy or download it too`);
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
    if (typeof name !== 'string' || basename(name) !== name || !/^\w[\w.-]*\.safetensors$/.test(name))
      throw new UserError(`${where}: weight_map: wanted names of .safetensors files beside it, got ${show(name)}`);
  return (names as string[]).sort();
}
