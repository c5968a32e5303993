import { constants } from 'node:os';
import { MachineError, UserError } from '../../graph/errors.ts';

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
  ENOTEMPTY: 'Something else was put there meanwhile: move it away, and let one program write there at a time.',
  EISDIR: 'A folder has this name: choose another path, or move it away.',
  ENAMETOOLONG: 'Choose a shorter path.',
  ENOENT: 'Check the path.',
  ELOOP: 'A symbolic link there leads back to itself: delete the link.',
  EXDEV:
    'A part of the folder lies on another file system (a mount, an overlay): choose a folder that is whole on one.',
  EBUSY: 'Something else uses it (a mount, another program): choose another path.',
  ETXTBSY: 'A program runs from this file: end it, or choose another path.',
  EMFILE: 'Too many files are open: close other programs, or raise the limit (ulimit -n).',
  ENFILE: 'Too many files are open on this machine: close other programs.',
  ENOLCK: 'The file system gives no locks: choose a folder on another one.',
  ENOTSUP: 'The file system cannot do this: choose a folder on another one.',
  ENOSYS: 'The file system cannot do this: choose a folder on another one.',
  ESTALE: 'The network file system lost it: mount it again, or choose another folder.',
  ETIMEDOUT: 'The network file system does not answer: check it, or choose another folder.',
  EHOSTDOWN: 'The network file system does not answer: check it, or choose another folder.',
  ENXIO: 'There is no device or program behind it: choose a file.',
  ENODEV: 'There is no device behind it: choose a file.',
  EIO: 'The disk failed: check it, and choose another one.',
  ENOMEM:
    'There is not enough memory: close other programs, or raise the limit (ulimit -v, the memory of the container).',
  EAGAIN:
    'The system gives no more threads or memory: close other programs, or raise the limits (ulimit -u, ulimit -v).',
};

/** Codes that say nothing about the path that was asked for. */
const ofMachine: ReadonlySet<string> = new Set([
  ...['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ESTALE', 'ETIMEDOUT', 'EHOSTDOWN'],
]);

/** How memory that is refused is told: by JavaScript, its threads, and ONNX Runtime with the C++ library below it. */
const NO_MEMORY = [
  /^Array buffer allocation failed/,
  /^Invalid typed array length: \d{10,}$/,
  /could not allocate memory/i,
  /\bout of memory\b/i,
  /failed to allocate memory/i,
  /\bbad[ _]alloc(ation)?\b/,
  /^The value of "length" is out of range.*ArrayBuffer/,
  /^ERR_WORKER_OUT_OF_MEMORY|ERR_MEMORY_ALLOCATION_FAILED/,
];
const NO_THREAD = [/pthread_create/, /Resource temporarily unavailable/, /thread.*\bEAGAIN\b/i];

/**
 * The error to throw for a failed file operation: a UserError that names path, operating system's reason and remedy
 * where the user can mend it, `error` itself otherwise.
 * @param wish what was to be done, as in `wanted to ${wish}`.
 */
export function fileError(error: unknown, path: string, wish: string): unknown {
  const found = refused(error);
  if (!found) return error;
  // Node's message is `EACCES: permission denied, open '/path'`; the path can be a temporary one, so it is left out.
  const reason = found.reason.split(', ')[0];
  const Kind = found.ofMachine ? MachineError : UserError;
  return new Kind(`${path}: wanted to ${wish}, got ${reason}. ${found.remedy}`, { cause: error });
}

/** What the system refused outside of any file of the user's: memory, threads, open files. Undefined for all else. */
export function systemError(error: unknown): MachineError | undefined {
  if (!(error instanceof Error) || error instanceof UserError) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  const text = `${code ?? ''} ${error.message}`.trim();
  const fits = (patterns: readonly RegExp[]) => patterns.some((one) => one.test(error.message) || one.test(text));
  const short = { reason: error.message.split('\n')[0]!, remedy: '' };
  const found = fits(NO_MEMORY)
    ? { ...short, remedy: remedies.ENOMEM! }
    : fits(NO_THREAD)
      ? { ...short, remedy: remedies.EAGAIN! }
      : refused(error);
  return found && new MachineError(`the system refused: ${found.reason}. ${found.remedy}`, { cause: error });
}

interface Refusal {
  readonly reason: string;
  readonly remedy: string;
  readonly ofMachine: boolean;
}

function refused(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, errno, message } = error as NodeJS.ErrnoException;
  const name = code?.startsWith('Unknown system error') ? nameOf(errno) : code;
  const remedy = name === undefined ? undefined : remedies[name];
  if (remedy === undefined) return undefined;
  const reason = name === code ? message : message.replace(code!, name!);
  return { reason, remedy, ofMachine: ofMachine.has(name!) };
}

/** Node has no name for some errors of the system (EDQUOT: "Unknown system error -122"), but their numbers. */
function nameOf(errno: number | undefined): string | undefined {
  return Object.entries(constants.errno).find(([, number]) => number === -(errno ?? 0))?.[0];
}
