import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { makeFolder } from '../formats/makeFolderNode.ts';
import { fileError, findFolder, isTemporary, recoverFolder, removeStaleTemps } from './atomicNode.ts';
import type { Lock } from '../formats/lockNode.ts';
import { lockFolder, lockName, throwIfInUse } from './runLockNode.ts';

/** Folders of a run that are replaced as a whole, and so may have to be put back after a kill. */
const replacedFolders = ['checkpoints/last', 'checkpoints/best', 'model'];

export interface RunFolder {
  readonly path: string;
  /** The folder of the checkpoint to go on from; absent in a new run. */
  readonly checkpoint?: string;
  /** Keeps other processes out; to be given back at the end. */
  readonly lock: Lock;
}

/**
 * Make the folder of a new run, or open that of one to go on with, and lock it against other processes. A folder that is
 * refused is not touched.
 * @throws UserError if a run is there and `resume` is false, if there is neither checkpoint nor config.yaml and it is true, if another live
 * process uses the folder, or if the disk refuses.
 */
export async function createRunFolder(dir: string, { resume }: { readonly resume: boolean }): Promise<RunFolder> {
  try {
    const names = await listFolder(dir);
    await throwIfInUse(dir);
    const checkpoint = await findFolder(join(dir, 'checkpoints/last'));
    // A run that was killed before its first checkpoint has its settings, and begins anew with them.
    if (resume && checkpoint === undefined && !names.includes('config.yaml')) throw noCheckpoint(dir, names);
    if (!resume && names.length > 0)
      throw notEmpty(dir, names, checkpoint !== undefined || names.includes('config.yaml'));
    makeFolder(dir);
    const lock = await lockFolder(dir);
    await recover(dir, lock);
    return { path: dir, lock, ...(checkpoint === undefined ? {} : { checkpoint: join(dir, 'checkpoints/last') }) };
  } catch (error) {
    throw fileError(error, dir, 'use it as run folder');
  }
}

async function recover(dir: string, lock: Lock): Promise<void> {
  try {
    await removeStaleTemps(dir);
    for (const name of replacedFolders) await recoverFolder(join(dir, name));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Names in a folder, without the lock and what a killed writer left; none where there is no folder. */
async function listFolder(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => name !== lockName && !isTemporary(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function notEmpty(dir: string, names: readonly string[], canResume: boolean): UserError {
  const ways = canResume ? '`--resume` to go on with it, or another `--out`' : 'another `--out`, or delete it';
  const why = canResume ? '' : ' (no run, so it cannot be resumed)';
  return new UserError(`${dir}: wanted an empty or new folder for a new run, got ${listed(names)}${why}. Use ${ways}.`);
}

function noCheckpoint(dir: string, names: readonly string[]): UserError {
  const got = names.length === 0 ? 'no such run' : listed(names);
  const ways = names.length === 0 ? 'Leave `--resume` out' : 'Leave `--resume` out and use another `--out`';
  return new UserError(`${dir}: wanted a run (config.yaml) to resume, got ${got}. ${ways}.`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}
