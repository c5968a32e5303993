import { UserError } from '../graph/errors.ts';

/** A process of a job of several, as its launcher says. */
export interface RankPlace {
  readonly rank: number;
  readonly size: number;
  /** Which of the processes on this machine, and how many they are; undefined where the launcher does not say. */
  readonly localRank: number | undefined;
  readonly localSize: number | undefined;
  /** Who started it, in words. */
  readonly launcher: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Launcher {
  readonly name: string;
  readonly rank: string;
  readonly size: string;
  readonly localRank?: string;
  readonly localSize?: string;
}

/**
 * What launchers say, the most certain first: Open MPI's mpirun sets PMIx' variables and srun's may stand beside them; a job
 * step of srun may be the shell in which mpirun is started.
 */
const LAUNCHERS: readonly Launcher[] = [
  {
    name: "Open MPI's mpirun",
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    localRank: 'OMPI_COMM_WORLD_LOCAL_RANK',
    localSize: 'OMPI_COMM_WORLD_LOCAL_SIZE',
  },
  {
    name: "MPICH's mpirun",
    rank: 'PMI_RANK',
    size: 'PMI_SIZE',
    localRank: 'MPI_LOCALRANKID',
    localSize: 'MPI_LOCALNRANKS',
  },
  // Of the step, not of the job: a batch script has the job's variables, and is one process.
  {
    name: 'srun',
    rank: 'SLURM_PROCID',
    size: 'SLURM_STEP_NUM_TASKS',
    localRank: 'SLURM_LOCALID',
    localSize: 'SLURM_STEP_TASKS_PER_NODE',
  },
  {
    name: 'a launcher that sets RANK',
    rank: 'RANK',
    size: 'WORLD_SIZE',
    localRank: 'LOCAL_RANK',
    localSize: 'LOCAL_WORLD_SIZE',
  },
];

/**
 * Which rank of how many this process is; undefined for a process by itself.
 * @throws UserError where a launcher's variables say what cannot be
 */
export function rankPlace(env: Environment): RankPlace | undefined {
  for (const { name, ...keys } of LAUNCHERS) {
    const [rank, size] = [numberIn(env, keys.rank), numberIn(env, keys.size)];
    if (rank === undefined || size === undefined) continue;
    // A job of one is a process by itself; a batch script on Slurm's first node has such variables too.
    if (size === 1) return undefined;
    if (rank >= size)
      throw new UserError(`${keys.rank}: wanted a rank below ${keys.size}=${size}, got ${rank}. Start the job again`);
    const [localRank, localSize] = [keys.localRank, keys.localSize].map((key) =>
      key ? numberIn(env, key) : undefined,
    );
    return { rank, size, localRank, localSize, launcher: name };
  }
  return undefined;
}

/** Slurm writes `2(x3)` where three nodes have two each: the first count is taken. */
function numberIn(env: Environment, key: string): number | undefined {
  const [, digits] = /^(\d+)(?:\(x\d+\))?(?:,.*)?$/.exec(env[key] ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits);
}
