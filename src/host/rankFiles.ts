import type { Ranks } from '../cluster/ranks.ts';
import type { AppendFile, RunFiles } from './files.ts';

/** Nothing is written. */
const NOWHERE: AppendFile = { append: () => undefined, sync: async () => undefined, close: async () => undefined };

/** The log of a run, of which each rank keeps its own. */
const LOG = 'train.log';

/**
 * The folder of a run that several ranks train: rank 0 alone reads and writes it, and what it reads is everyone's, so the others need
 * not see the same disk. Only the log is written by each, as `rank-N.log`, on the disk of its own machine.
 * @param openLog opens that one, in a folder that may not be there
 */
export function rankFiles(
  files: RunFiles,
  ranks: Ranks,
  openLog = (path: string): AppendFile => files.append(path, 'a'),
): RunFiles {
  if (ranks.alone) return files;
  const { first } = ranks;
  const written = async (write: () => Promise<void>): Promise<void> => {
    if (first) await write();
  };
  return {
    name: files.name,
    read: (path) => ranks.readFirst(`reading ${path}`, () => files.read(path)),
    hasFolder: (path) => ranks.onFirst(`looking for ${path}`, () => files.hasFolder(path)),
    list: (path) => ranks.onFirst(`listing ${path}`, () => files.list(path)),
    replace: (path, content) => written(() => files.replace(path, content)),
    replaceFolder: (path, contents) => written(() => files.replaceFolder(path, contents)),
    append: (path, flags) => {
      if (first) return files.append(path, flags);
      return path === LOG ? openLog(`rank-${ranks.rank}.log`) : NOWHERE;
    },
    throwIfLocked: () => ranks.onFirst('looking for a lock', () => files.throwIfLocked()),
    lock: async (folders) => {
      let release = async (): Promise<void> => undefined;
      await ranks.onFirst('locking the folder', async () => {
        release = await files.lock(folders);
      });
      return () => release();
    },
  };
}
