import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DTYPES, ONNX_FILES } from '../../run/exporting/files.ts';
import type { Place } from '../answers.ts';
import { filesOf } from '../models/modelFolder.ts';
import type { Library } from './library.ts';
import { namesIn } from './recognise.ts';

/** What a list says of a place beside its name; looked up in names and sizes alone, so that a long list is there at once. */
export async function withAbout(library: Library, place: Place): Promise<Place> {
  const about = place.kind === 'model' ? await ofModel(library, place) : await ofData(library, place);
  return { ...place, ...about };
}

async function ofModel(library: Library, place: Place): Promise<Partial<Place>> {
  const files = await filesOf(library, place).catch(() => []);
  const has = new Set(files.map(({ path }) => path));
  const dtypes = DTYPES.filter((dtype) => has.has(ONNX_FILES[dtype]));
  return {
    about: dtypes.length > 0 ? `ONNX in ${dtypes.join(', ')}` : 'weights without ONNX files',
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(await changedOf(library, place, 'config.json')),
  };
}

async function ofData(library: Library, place: Place): Promise<Partial<Place>> {
  const folder = join(library.root, place.path);
  const { files, folders } = await namesIn(folder);
  const shards = [...files].filter((name) => /\.(tar|parquet)$/i.test(name)).length;
  const split = folders.includes('train');
  const classes = split ? (await namesIn(join(folder, 'train'))).folders : folders;
  const parts = split && folders.includes('val') ? ', training and validation apart' : '';
  const about =
    shards > 0
      ? `${counted(shards, 'shard')}`
      : classes.length > 0
        ? `${counted(classes.length, 'class', 'classes')}${parts}`
        : 'pictures without classes';
  return { about, ...(await changedOf(library, place, '')) };
}

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

async function changedOf(library: Library, place: Place, file: string): Promise<Partial<Place>> {
  const found = await stat(join(library.root, place.path, file)).catch(() => undefined);
  return found ? { changed: found.mtimeMs } : {};
}
