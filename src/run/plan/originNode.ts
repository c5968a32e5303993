import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { RunConfig } from '../../config/schema.ts';
import { UserError } from '../../graph/errors.ts';
import { readText, type RunFiles } from '../../host/files.ts';
import { ORIGIN_FILE, originIn } from './origin.ts';

type Seen = (path: string) => string;

/**
 * The data of a run as its paths are seen from the present folder, wherever the run began. A relative path is looked for where the run
 * began, here, and in the folders above the run's own: by default a run lies below the folder that it began in. What is nowhere stays
 * as it is.
 * @param out the run's folder
 */
export async function dataFromHere(config: RunConfig, files: RunFiles, out: string): Promise<RunConfig> {
  const { folders } = await originOf(files, out);
  return withData(config, (path) => foundFrom(folders, path) ?? path);
}

/**
 * The same with teacher, start and caches, for a run that is gone on with.
 * @throws UserError where a path leads to nothing from any of the folders
 */
export async function seenFromHere(config: RunConfig, files: RunFiles, out: string): Promise<RunConfig> {
  const { folders, began } = await originOf(files, out);
  const seen = (path: string): string => {
    const found = foundFrom(folders, path);
    if (found !== undefined) return found;
    throw new UserError(
      `${path}: wanted what the run in ${out} was made of, got nothing there as seen from ${process.cwd()}. ${began}: go to the folder from which the path leads there`,
    );
  };
  // A cache may have been deleted: it is then made anew where it was, or, on another machine, here.
  const kept = (path: string | null): string | null =>
    path === null || isAbsolute(path)
      ? path
      : (foundFrom(folders, path) ?? (relative(process.cwd(), join(folders.find(existsSync)!, path)) || '.'));
  const { teacher, student } = config;
  const withImages = withData(config, seen);
  return {
    ...withImages,
    data: { ...withImages.data, cacheDir: kept(config.data.cacheDir) },
    teacher: teacher && {
      ...teacher,
      ref: seen(teacher.ref),
      store: { ...teacher.store, dir: kept(teacher.store.dir) },
    },
    student: { ...student, init: student.init === null ? null : seen(student.init) },
  };
}

async function originOf(files: RunFiles, out: string) {
  const origin = originIn(await readText(files, ORIGIN_FILE));
  const began = origin === undefined ? 'The run does not say where it began' : `The run began in ${origin}`;
  return { began, folders: [...(origin === undefined ? [] : [origin]), process.cwd(), ...above(resolve(out))] };
}

const withData = (config: RunConfig, seen: Seen): RunConfig => {
  const { dir, valDir } = config.data;
  const data = {
    dir: typeof dir === 'string' ? seen(dir) : dir.map(seen),
    valDir: valDir === null ? null : seen(valDir),
  };
  return { ...config, data: { ...config.data, ...data } };
};

/** Whole paths and names of the Hub are left to whoever opens them. */
function foundFrom(folders: readonly string[], path: string): string | undefined {
  if (isAbsolute(path) || path.startsWith('hf:')) return path;
  const found = folders.find((folder) => existsSync(join(folder, path)));
  return found === undefined ? undefined : relative(process.cwd(), join(found, path)) || '.';
}

function above(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [] : [parent, ...above(parent)];
}
