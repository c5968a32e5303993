import { UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../files.ts';
import { type TakeLock, webFiles } from './filesWeb.ts';
import type { FolderHandle } from './handles.ts';
import { folderAt, orAbsent } from './handles.ts';

/** What is used of `navigator`. */
interface Navigator {
  readonly storage?: { getDirectory(): Promise<FolderHandle>; persist?(): Promise<boolean> };
  readonly locks?: {
    request(
      name: string,
      options: { readonly ifAvailable: boolean },
      use: (lock: unknown) => Promise<void> | undefined,
    ): Promise<void>;
  };
}

const here = (): Navigator => (globalThis as unknown as { readonly navigator: Navigator }).navigator;

const ROOT = 'understudy/runs';

/** The folder of runs in the origin private file system. */
async function runsFolder(): Promise<FolderHandle> {
  const { storage } = here();
  if (!storage?.getDirectory)
    throw new UserError(
      'Files of this page: wanted the origin private file system, which this browser (or a page without https) does not have. Serve the page over https or from localhost',
    );
  return (await folderAt(await storage.getDirectory(), ROOT, true))!;
}

/** A run's folder in this browser, by its name. Nothing but an empty folder is made before something is written. */
export async function storedRun(name: string): Promise<RunFiles> {
  if (!/^[^/\\~]+$/.test(name) || name.startsWith('.'))
    throw new UserError(`out: wanted a name without slashes for the run, got ${JSON.stringify(name)}`);
  const folder = await (await runsFolder()).getDirectoryHandle(name, { create: true });
  return webFiles(name, folder, takeLock);
}

/** The runs that are kept in this browser, by name. A folder in which nothing was written is none. */
export async function storedRuns(): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, entry] of (await runsFolder()).entries())
    if (entry.kind === 'directory' && !(await entry.entries().next()).done) names.push(name);
  return names.sort();
}

/** Deletes a run that nobody uses. @throws UserError where another tab has it. */
export async function deleteRun(name: string): Promise<void> {
  await (await storedRun(name)).throwIfLocked();
  await orAbsent((await runsFolder()).removeEntry(name, { recursive: true }));
}

/** By the Web Locks of the origin: a tab that ends gives its locks back. */
const takeLock: TakeLock = async (name) => {
  const { locks } = here();
  if (!locks) return async () => undefined;
  return new Promise((resolve, reject) => {
    const given = locks
      .request(`understudy ${name}`, { ifAvailable: true }, (lock) => {
        if (lock !== null)
          return new Promise<void>((end) => {
            resolve(() => {
              end();
              return given;
            });
          });
        resolve(undefined);
        return undefined;
      })
      .catch(reject);
  });
};
