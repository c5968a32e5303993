import { checkFinite } from '../formats/tensors/checkFinite.ts';
import type { Content } from '../formats/disk/content.ts';
import { asObject, isDeep } from '../formats/disk/jsonValue.ts';
import { modelContents } from '../formats/modelContents.ts';
import { decodeSafetensors, float32Tensor, safetensorsChunks, toFloat32 } from '../formats/tensors/safetensors.ts';
import type { SavedModel } from '../formats/savedModel.ts';
import { UserError } from '../graph/errors.ts';
import { placeOf, readText, type RunFiles } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { MOST_JSON_DEPTH } from '../models/limits.ts';
import { damaged, ordered, parseProgress, type Progress } from './progress.ts';
import type { StateArray } from './trainState.ts';

export interface Checkpoint {
  readonly progress: Progress;
  readonly state: ReadonlyMap<string, StateArray>;
}

/** What the files of a checkpoint were when they were saved, by name: SHA-256, of state.json without this part. */
export type Digests = Readonly<Record<(typeof ARRAYS)[number]['file'] | 'state.json', string>>;

const ARRAYS = [
  { file: 'model.safetensors', prefix: 'param.' },
  { file: 'optimizer.safetensors', prefix: '' },
] as const;

type Place = Pick<Host, 'files' | 'sha256'>;

/**
 * Saves a checkpoint folder whole or not at all: model.safetensors (the student under PyTorch names), optimizer.safetensors
 * (everything else: the method's parameters, optimiser slots, averages), state.json, config.json, preprocessor_config.json.
 * @returns what the files are
 */
export async function saveCheckpoint(
  { files, sha256 }: Place,
  path: string,
  model: Omit<SavedModel, 'weights'>,
  { progress, state }: Checkpoint,
): Promise<Digests> {
  const isStudent = (name: string) => name.startsWith('param.') && !name.startsWith('param.method.');
  const student = [...state]
    .filter(([name]) => isStudent(name))
    .map(([name, array]) => [name.slice('param.'.length), array] as const);
  const rest = [...state]
    .filter(([name]) => !isStudent(name))
    .map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const);
  const contents: Map<string, Content> = modelContents({ ...model, weights: new Map(student) });
  contents.set('optimizer.safetensors', safetensorsChunks(rest));
  const kept = ordered(progress);
  const digests: Digests = {
    'model.safetensors': await sha256(contents.get('model.safetensors') as Iterable<Uint8Array>),
    'optimizer.safetensors': await sha256(contents.get('optimizer.safetensors') as Iterable<Uint8Array>),
    'state.json': await sha256([utf8(kept)]),
  };
  contents.set('state.json', `${JSON.stringify({ ...kept, digests }, null, 2)}\n`);
  await files.replaceFolder(path, contents);
  return digests;
}

const utf8 = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/**
 * Reads all that a run goes on from, and holds it to the digests that were saved with it.
 * @returns `unproved` where an older release saved it, which took none.
 * @throws UserError where a file is missing, damaged or not the one that was saved.
 */
export async function loadCheckpoint(
  { files, sha256 }: Place,
  path: string,
): Promise<Checkpoint & { readonly unproved?: true }> {
  const where = placeOf(files, `${path}/state.json`);
  const { digests, ...kept } = parseObject(await readText(files, `${path}/state.json`), where);
  const progress = parseProgress(kept, where);
  const saved = digests === undefined ? undefined : (asObject(digests) as Partial<Digests>);
  const check = async (file: keyof Digests, bytes: Uint8Array) => {
    if (saved && (await sha256([bytes])) !== saved[file])
      throw damaged(placeOf(files, `${path}/${file}`), 'wanted what was saved, got other contents (SHA-256)');
  };
  await check('state.json', utf8(kept));
  const state = new Map<string, StateArray>();
  for (const { file, prefix } of ARRAYS) {
    const bytes = await bytesOf(files, `${path}/${file}`);
    await check(file, bytes);
    const place = placeOf(files, `${path}/${file}`);
    const arrays = [...decodeSafetensors(bytes, place).tensors].map(
      ([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor) }] as const,
    );
    checkFinite(place, new Map(arrays));
    for (const [name, array] of arrays) state.set(`${prefix}${name}`, array);
  }
  return { progress, state, ...(saved ? {} : { unproved: true }) };
}

function parseObject(text: string, where: string): Record<string, unknown> {
  if (isDeep(text)) throw damaged(where, `wanted JSON, got more than ${MOST_JSON_DEPTH} brackets within each other`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(where, `wanted JSON, got ${(error as Error).message.slice(0, 200)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw damaged(where, `wanted a JSON object, got ${text.slice(0, 40)}`);
}

async function bytesOf(files: RunFiles, path: string): Promise<Uint8Array> {
  const bytes = await files.read(path);
  if (bytes !== undefined) return bytes;
  throw new UserError(
    `${placeOf(files, path)}: the file is missing; a checkpoint has model.safetensors, optimizer.safetensors and state.json`,
  );
}
