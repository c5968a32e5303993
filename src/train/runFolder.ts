import { UserError } from '../graph/errors.ts';
import type { RunFiles } from '../host/files.ts';

/** The checkpoint that a run goes on from. */
export const LAST = 'checkpoints/last';

/** Folders of a run that are replaced as a whole, and so may have to be put back after a kill. */
const REPLACED = [LAST, 'checkpoints/best', 'model'];

export interface RunFolder {
  /** Whether there is a checkpoint to go on from. */
  readonly hasCheckpoint: boolean;
  /** Give the lock back. A second call does nothing. */
  release(): Promise<void>;
}

/**
 * Make the folder of a new run, or open that of one to go on with, and lock it against others. A folder that is refused is not
 * touched.
 * @throws UserError if a run is there and `resume` is false, if there is neither checkpoint nor config.yaml and it is true, if another
 * live process uses the folder, or if the disk refuses.
 */
export async function openRunFolder(files: RunFiles, { resume }: { readonly resume: boolean }): Promise<RunFolder> {
  const names = await files.list('');
  await files.throwIfLocked();
  const hasCheckpoint = await files.hasFolder(LAST);
  const hasRun = hasCheckpoint || names.includes('config.yaml');
  // A run that was killed before its first checkpoint has its settings, and begins anew with them.
  if (resume && !hasRun) throw noCheckpoint(files.name, names);
  if (!resume && names.length > 0) throw notEmpty(files.name, names, hasRun);
  return { hasCheckpoint, release: await files.lock(REPLACED) };
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
