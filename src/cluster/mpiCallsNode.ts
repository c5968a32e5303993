import { UserError } from '../graph/errors.ts';
import type { RankPlace } from './environment.ts';
import type { MpiAbi } from './mpiAbi.ts';

export type Koffi = typeof import('koffi')['default'];
type Library = ReturnType<Koffi['load']>;
/** An MPI function; gives MPI_SUCCESS, or ends the job (MPI_ERRORS_ARE_FATAL). */
export type Call = (...given: readonly unknown[]) => number;

/** The calls of MPI that are made, all from the main thread (MPI_THREAD_SERIALIZED). */
export interface Mpi {
  readonly calls: Readonly<Record<keyof typeof SIGNATURES, Call>>;
  readonly world: unknown;
  readonly byte: unknown;
  readonly ignore: number;
}

/** H: a handle; each argument list as MPI's C interface has it. */
const SIGNATURES = {
  Init_thread: 'void *argc, void *argv, int wanted, _Out_ int *got',
  Comm_rank: 'H comm, _Out_ int *rank',
  Comm_size: 'H comm, _Out_ int *size',
  Ialltoall: 'void *send, int n, H type, void *into, int m, H same, H comm, void *request',
  Iallgather: 'void *send, int n, H type, void *into, int m, H same, H comm, void *request',
  Ibcast: 'void *bytes, int n, H type, int root, H comm, void *request',
  Ibarrier: 'H comm, void *request',
  Isend: 'void *bytes, int n, H type, int to, int tag, H comm, void *request',
  Irecv: 'void *bytes, int n, H type, int from, int tag, H comm, void *request',
  Test: 'void *request, _Out_ int *done, intptr_t status',
  Cancel: 'void *request',
  Request_free: 'void *request',
  Abort: 'H comm, int status',
  Finalize: '',
} as const;

export async function loadKoffi({ launcher, size }: RankPlace): Promise<Koffi> {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    throw new UserError(
      `${launcher} started ${size} processes, and the package koffi, by which they call MPI, cannot be loaded (${(error as Error).message.split('\n')[0]}). Install it (npm install koffi) on every machine, or start one process without a launcher`,
      { cause: error },
    );
  }
}

export function loadLibrary(koffi: Koffi, { launcher, size }: RankPlace, files: readonly string[]) {
  const refusals: string[] = [];
  for (const file of files) {
    try {
      // Global: Open MPI's own parts look for its symbols among those of the process.
      const found = koffi.load(file, { global: true });
      return { file, found, version: versionOf(found) };
    } catch (error) {
      refusals.push((error as Error).message.split('\n')[0]!);
    }
  }
  throw new UserError(
    `${launcher} started ${size} processes, and no library of MPI can be loaded: ${files.join(', ')} (${refusals[0]}). Install it on every machine (Debian: apt-get install openmpi-bin), or name its file in UNDERSTUDY_MPI`,
  );
}

/** May be asked before MPI_Init. */
function versionOf(library: Library): string {
  const text = Buffer.alloc(8192);
  library.func('int MPI_Get_library_version(void *text, _Out_ int *length)')(text, [0]);
  const [first] = text.toString('latin1').split('\0')[0]!.split(/[\n,]/);
  return first!
    .replace(/ ?Version:/, '')
    .trim()
    .replaceAll(/\s+/g, ' ');
}

export function bind(library: Library, { handle, world, byte, ignore }: MpiAbi): Mpi {
  const calls = Object.fromEntries(
    Object.entries(SIGNATURES).map(([name, given]) => [
      name,
      library.func(`int MPI_${name}(${given.replaceAll(/\bH /g, `${handle} `)})`) as Call,
    ]),
  ) as Mpi['calls'];
  const handleOf = (of: string | number) => (typeof of === 'number' ? of : library.symbol(of, 'void *'));
  return { calls, world: handleOf(world), byte: handleOf(byte), ignore };
}

export function isDone(calls: Mpi['calls'], request: Buffer, ignore: number): boolean {
  const done = [0];
  calls.Test(request, done, ignore);
  return done[0] !== 0;
}
