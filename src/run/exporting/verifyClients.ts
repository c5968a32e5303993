import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { append } from '../../graph/lists.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import type { Rows } from './agreement.ts';
import type { Dtype } from './files.ts';
import { joined, type OrtModule, unstack } from './runInputs.ts';

/** What we use of @huggingface/transformers. It is no dependency: who has it gets its rows in the table. */
export interface Transformers {
  readonly version: string;
  readonly AutoModelForImageClassification: {
    from_pretrained(folder: string, options: object): Promise<TransformersModel>;
  };
  readonly AutoImageProcessor: { from_pretrained(folder: string, options: object): Promise<Processor> };
  readonly RawImage: new (data: Uint8Array, width: number, height: number, channels: number) => unknown;
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

interface TransformersModel {
  (inputs: { readonly pixel_values: unknown }): Promise<{ readonly logits: HasRows }>;
  dispose(): Promise<unknown>;
}

interface HasRows {
  readonly data: unknown;
  readonly dims: readonly number[];
}

type Processor = (image: unknown) => Promise<{ readonly pixel_values: { readonly data: unknown } }>;

/** A package that the user may have beside us; undefined where it is not installed. */
async function optional<T>(name: string): Promise<(T & { readonly version: string }) | undefined> {
  // The user's own project first: a linked Understudy would look beside itself only.
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const require = createRequire(from);
    try {
      const module = (await import(pathToFileURL(require.resolve(name)).href)) as T & { default?: T };
      return { ...(module.default ?? {}), ...module, version: versionOf(require, name) };
    } catch (error) {
      if (!['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw error;
    }
  }
  return undefined;
}

function versionOf(require: NodeJS.Require, name: string): string {
  for (const folder of require.resolve.paths(name) ?? [])
    try {
      return (require(join(folder, name, 'package.json')) as { version: string }).version;
    } catch {}
  return '';
}

export const transformers = (): Promise<Transformers | undefined> =>
  optional<Transformers>('@huggingface/transformers');
export const ortWeb = (): Promise<(OrtModule & { readonly version: string }) | undefined> =>
  optional<OrtModule>('onnxruntime-web');

/** Nothing is looked up in the network or in a cache. */
const LOCAL = { local_files_only: true };

/** Logits of inputs [3,S,S] by transformers.js, one image at a time. `folder` is an absolute path. */
export async function transformersRows(
  { AutoModelForImageClassification, Tensor }: Transformers,
  folder: string,
  dtype: Dtype,
  inputs: readonly Float32Array[],
  side: number,
): Promise<Rows> {
  const model = await AutoModelForImageClassification.from_pretrained(folder, { dtype, device: 'cpu', ...LOCAL });
  const rows: Float32Array[] = [];
  for (const input of inputs) {
    const { logits } = await model({ pixel_values: new Tensor('float32', joined([input]), [1, 3, side, side]) });
    append(rows, unstack(logits));
  }
  await model.dispose();
  return rows;
}

/** Inputs [3,S,S] as transformers.js itself resizes, cuts and normalises. */
export async function transformersInputs(
  { AutoImageProcessor, RawImage }: Transformers,
  folder: string,
  paths: readonly string[],
): Promise<Float32Array[]> {
  const process = await AutoImageProcessor.from_pretrained(folder, LOCAL);
  const inputs: Float32Array[] = [];
  for (const path of paths) {
    const { data, width, height } = await decodeImage(path);
    inputs.push((await process(new RawImage(data, width, height, 3))).pixel_values.data as Float32Array);
  }
  return inputs;
}
