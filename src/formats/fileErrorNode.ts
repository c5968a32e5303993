import { UserError } from '../graph/errors.ts';

/** What the user can do, by the operating system's error code. Codes that are not here are not the user's to mend. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'Free space there, or choose another folder.',
  EDQUOT: 'Your quota is used up: delete something, or choose another folder.',
  EFBIG: 'The file system cannot hold a file of this size: choose another folder.',
  EACCES: 'Give yourself permission there, or choose another folder.',
  EPERM: 'Give yourself permission there, or choose another folder.',
  EROFS: 'The file system is read-only: choose another folder.',
  ENOTDIR: 'A part of the path is a file: choose another path.',
  EEXIST: 'Something else has this name: choose another path, or move it away.',
  EISDIR: 'A folder has this name: choose another path, or move it away.',
  ENAMETOOLONG: 'Choose a shorter path.',
  ENOENT: 'Check the path.',
  EMFILE: 'Too many files are open: close other programs, or raise the limit (ulimit -n).',
  EIO: 'The disk failed: check it, and choose another one.',
};

/**
 * The error to throw for a failed file operation: a UserError that names path, operating system's reason and remedy
 * where the user can mend it, `error` itself otherwise.
 * @param wish what was to be done, as in `wanted to ${wish}`.
 */
export function fileError(error: unknown, path: string, wish: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const remedy = code === undefined ? undefined : remedies[code];
  if (!(error instanceof Error) || remedy === undefined) return error;
  // Node's message is `EACCES: permission denied, open '/path'`; the path can be a temporary one, so it is left out.
  const reason = error.message.split(', ')[0];
  return new UserError(`${path}: wanted to ${wish}, got ${reason}. ${remedy}`, { cause: error });
}
