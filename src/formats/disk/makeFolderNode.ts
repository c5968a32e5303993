import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { fileError } from './fileErrorNode.ts';

/**
 * Makes a folder and those above it that are missing. Node's own `mkdir` with `recursive` says ENOENT where a file system is
 * read-only or takes no folders, and below such a folder it does not come back at all.
 * @throws UserError that names the folder which could not be made and the operating system's reason.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isFolder(at); at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) makeOne(folder);
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another process may have made it in between.
    if (code === 'EEXIST' && isFolder(folder)) return;
    // The folder above is there: only a file system that takes no folders says so.
    if (code === 'ENOENT')
      throw new UserError(
        `${folder}: wanted to make this folder, got a file system that takes no new folders there. Choose another folder.`,
        { cause: error },
      );
    throw fileError(error, folder, 'make this folder');
  }
}

function isFolder(path: string): boolean {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileError(error, path, 'make this folder');
  }
  if (found && !found.isDirectory())
    throw new UserError(`${path}: wanted to make this folder, got a file of this name. Choose another folder.`);
  return found !== undefined;
}
