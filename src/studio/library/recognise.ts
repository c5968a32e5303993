import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kind } from '../answers.ts';

/** Entries of a folder that are looked at, at most: a folder of a million pictures shows what it is by its first ones. */
const LOOKED_AT = 400;
/** Pictures side by side that make a set of them without classes. Our choice: fewer are illustrations. */
const FEWEST_PICTURES = 8;
const CLASSES_LOOKED_AT = 4;

const PICTURE = /\.(jpe?g|png|webp|gif|bmp|avif|tiff?)$/i;
const TABLE = /\.(tar|parquet)$/i;

/** What lies in a folder: the names of its first files and folders. Links are not followed. */
export interface Names {
  readonly files: ReadonlySet<string>;
  readonly folders: readonly string[];
}

export async function namesIn(folder: string): Promise<Names> {
  const [files, folders] = [new Set<string>(), [] as string[]];
  try {
    let seen = 0;
    for await (const entry of await opendir(folder)) {
      if (entry.isDirectory()) folders.push(entry.name);
      // Of a link its name alone is known: a set of pictures may be made of them.
      else if (entry.isFile() || (entry.isSymbolicLink() && PICTURE.test(entry.name))) files.add(entry.name);
      if (++seen >= LOOKED_AT) break;
    }
  } catch {
    // A folder that may not be read, or was taken away meanwhile, has nothing to show.
  }
  return { files, folders: folders.sort() };
}

/** What a folder is by its names; undefined where it may hold something, further down. */
export async function recognise(folder: string, names: Names): Promise<Kind | undefined> {
  const { files, folders } = names;
  const has = (name: string) => files.has(name) || folders.includes(name);
  if (files.has('config.yaml') && ['metrics.jsonl', 'train.log', 'checkpoints', 'run.lock'].some(has)) return 'run';
  if (files.has('plan.json') && files.has('study.yaml')) return 'study';
  if (files.has('advice.json') || (files.has('state.json') && folders.includes('records'))) return 'study';
  if (
    files.has('config.json') &&
    (folders.includes('onnx') || [...files].some((name) => /\.(safetensors|onnx)$/.test(name)))
  )
    return 'model';
  return (await isData(folder, names)) ? 'data' : undefined;
}

/** Images made from a teacher: a data set besides, as soon as there are some. */
export const isSet = ({ files }: Names): boolean => files.has('synthesis.json');

async function isData(folder: string, { files, folders }: Names): Promise<boolean> {
  const pictures = [...files].filter((name) => PICTURE.test(name)).length;
  if (pictures >= FEWEST_PICTURES || [...files].some((name) => TABLE.test(name))) return true;
  const split = folders.find((name) => name === 'train');
  const classes = split === undefined ? folders : (await namesIn(join(folder, split))).folders;
  if (classes.length < 2) return false;
  const base = split === undefined ? folder : join(folder, split);
  const some = await Promise.all(classes.slice(0, CLASSES_LOOKED_AT).map((name) => namesIn(join(base, name))));
  return some.every(({ files }) => [...files].some((name) => PICTURE.test(name)));
}
