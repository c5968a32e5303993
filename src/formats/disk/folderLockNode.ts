import { join } from 'node:path';
import { type Lock, type LockOf, takeLock, throwIfLocked } from './lockNode.ts';

export const lockName = 'run.lock';

export const ofFolder = (dir: string): LockOf => ({ place: dir, instead: 'use another `--out`' });

/**
 * Locks a folder against other processes for as long as it is worked in.
 * @throws InUse if a live process has it.
 */
export const lockFolder = (dir: string): Promise<Lock> => takeLock(join(dir, lockName), ofFolder(dir));

/** @throws as `lockFolder`; nothing is touched. */
export const throwIfInUse = (dir: string): Promise<void> => throwIfLocked(join(dir, lockName), ofFolder(dir));
