import { UserError } from '../graph/errors.ts';
import type { RankPlace } from './environment.ts';
import { abiOf, candidates } from './mpiAbi.ts';
import { hugeMemory } from './hugePagesNode.ts';
import { bind, isDone, loadKoffi, loadLibrary, type Mpi } from './mpiCallsNode.ts';
import { Notes } from './mpiNotesNode.ts';
import type { Transport } from './transport.ts';

const THREAD_SERIALIZED = 2;

/** Our choice: what lies between two looks while the process computes, and how long a look may take; waiting idly it looks always. */
const [CALM_MS, LOOK_MS, IDLE_MS] = [1, 0.2, 100];

/** The most bytes that one count of MPI says. */
const MOST_BYTES = 2 ** 31 - 1;

export interface MpiOptions {
  readonly place: RankPlace;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The library's file, in place of those that are looked for. */
  readonly library?: string | undefined;
}

/**
 * Joins the job that a launcher started this process for. Called once in a process.
 * @throws UserError where koffi or the library is not there, or it is of another MPI than the launcher.
 */
export async function openMpi({ place, env, library }: MpiOptions): Promise<Transport> {
  const koffi = await loadKoffi(place);
  const { file, found, version } = loadLibrary(koffi, place, candidates(env, library));
  const abi = abiOf(file, version);
  if (!abi)
    throw new UserError(
      `${file}: wanted a library of Open MPI, of MPICH or its relatives, or one of MPI 5, got "${version}". Name another file in UNDERSTUDY_MPI`,
    );
  const mpi = bind(found, abi);
  mpi.calls.Init_thread(null, null, THREAD_SERIALIZED, [0]);
  const [rank, size] = [[0], [0]];
  mpi.calls.Comm_rank(mpi.world, rank);
  mpi.calls.Comm_size(mpi.world, size);
  if (size[0] !== place.size || rank[0] !== place.rank)
    throw new UserError(
      `${file} (${version}): wanted rank ${place.rank} of ${place.size}, which ${place.launcher} started, got rank ${rank[0]} of ${size[0]}: the library is of another MPI than the launcher. Start with the launcher of that MPI, or name the library of this one in UNDERSTUDY_MPI`,
    );
  return mpiTransport(mpi, version, place, hugeMemory(koffi));
}

function mpiTransport(
  { calls, world, byte, ignore }: Mpi,
  version: string,
  place: RankPlace,
  memory: Transport['memory'],
): Transport {
  const { rank, size } = place;
  const notes = new Notes({ calls, world, byte, ignore }, rank, size);
  let computes = false;
  /** Starts a collective and ends with it. `held`: its memory, which must not go away before. */
  const through = async (start: (request: Buffer) => number, ...held: readonly Uint8Array[]): Promise<void> => {
    const request = Buffer.alloc(8);
    start(request);
    await ended(
      () => isDone(calls, request, ignore),
      () => computes,
    );
    // Named here so that the collector knows them in use until now.
    held.length;
  };
  const counted = (bytes: number): number => {
    if (bytes <= MOST_BYTES) return bytes;
    throw new UserError(
      `MPI: a slice of ${bytes} bytes; wanted at most ${MOST_BYTES}. Train a smaller student, or on more ranks`,
    );
  };
  return {
    ...{ name: version, rank, size, memory },
    alltoall: (send, into) => {
      const n = counted(send.length / size);
      return through((request) => calls.Ialltoall(send, n, byte, into, n, byte, world, request), send, into);
    },
    allgather: (send, into) => {
      const n = counted(send.length);
      return through((request) => calls.Iallgather(send, n, byte, into, n, byte, world, request), send, into);
    },
    broadcast: (bytes, root) =>
      through((request) => calls.Ibcast(bytes, counted(bytes.length), byte, root, world, request), bytes),
    barrier: () => through((request) => calls.Ibarrier(world, request)),
    post: (note) => notes.post(note),
    posted: (from) => notes.posted(from),
    calm: (on) => {
      computes = on;
    },
    abort: (status) => void calls.Abort(world, status),
    close: async () => {
      notes.close();
      calls.Finalize();
    },
  };
}

/**
 * Looks until it is done, from the event loop: timers run on. A library of MPI moves bytes only while it is called, so a look asks
 * several times.
 */
async function ended(done: () => boolean, calm: () => boolean): Promise<void> {
  const began = performance.now();
  while (!seen(done)) {
    const idle = !calm() && performance.now() - began < IDLE_MS;
    await new Promise<void>((resolve) => void (idle ? setImmediate(resolve) : setTimeout(resolve, CALM_MS)));
  }
}

function seen(done: () => boolean): boolean {
  const until = performance.now() + LOOK_MS;
  do if (done()) return true;
  while (performance.now() < until);
  return false;
}
