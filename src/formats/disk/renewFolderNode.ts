import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename } from 'node:path';
import { isTemporary, recoverFolder, replaceFolderAtomic } from './atomicNode.ts';
import type { Claim } from './claimsNode.ts';
import { lockName } from './folderLockNode.ts';

/**
 * Makes a folder this process's own after its claim was taken over from a process that is silent and may come back: a copy takes
 * its place. What the other one has open goes on in files that are no longer the folder's, and what it is about to put in place
 * lies in a folder that is gone. After any other claim nothing is done.
 */
export async function renewFolder(dir: string, claim: Claim): Promise<void> {
  if (claim.after !== 'silent') return;
  await recoverFolder(dir);
  if (!existsSync(dir)) return;
  const kept = (path: string) => basename(path) !== lockName && !isTemporary(basename(path));
  const fill = (copy: string) => cp(dir, copy, { recursive: true, filter: (from) => from === dir || kept(from) });
  await replaceFolderAtomic(dir, fill, { lock: claim });
}
