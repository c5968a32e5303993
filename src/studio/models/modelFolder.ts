import { readdir, stat } from 'node:fs/promises';
import type { ModelFile, Place } from '../answers.ts';
import type { Library } from '../library/library.ts';

/** Of a model folder: nothing else that lies there is passed on. */
const OF_A_MODEL = /^(licen[cs]e(\.\w+)?|[^.].*\.(json|safetensors|onnx|onnx_data|md|txt))$/i;

/** Those of a model in its folder and in `onnx/`; a link that leads out of the studio's folder is passed over. */
export async function filesOf(library: Library, place: Place): Promise<(ModelFile & { readonly file: string })[]> {
  const root = await library.path(place);
  const names = await readdir(root);
  const below = names.includes('onnx') ? await readdir(`${root}/onnx`).catch(() => []) : [];
  const paths = [...names, ...below.map((name) => `onnx/${name}`)].filter((path) =>
    OF_A_MODEL.test(path.split('/').at(-1)!),
  );
  const found = await Promise.all(
    paths.sort().map(async (path) => {
      const file = await library.file(place, path);
      const { size, isFile } = file === undefined ? NOTHING : await looked(file);
      return file !== undefined && isFile ? [{ path, bytes: size, file }] : [];
    }),
  );
  return found.flat();
}

const NOTHING = { size: 0, isFile: false };
const looked = async (file: string) => {
  const found = await stat(file);
  return { size: found.size, isFile: found.isFile() };
};
