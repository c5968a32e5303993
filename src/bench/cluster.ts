import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildModel, variantConfig } from '../models/index.ts';
import { sizeOf } from '../graph/shape.ts';
import { modelParams } from '../program/evalProgram.ts';
import { median, runWorker } from './peer.ts';

const run = promisify(execFile);

interface Times {
  readonly seconds: readonly number[];
}
type StepTimes = Times & { readonly waits: readonly number[]; readonly images: number };

export interface ClusterBench {
  readonly model: string;
  /** Numbers of its gradient. */
  readonly floats: number;
  /** Seconds of an Alltoall and an Allgather of so many on two ranks, medians; and ours over mpi4py's, the median of the rounds' ratios. */
  readonly collectives: { readonly own: number; readonly mpi4py: number | null; readonly ratio: number | null };
  /** Of an update of two micro-batches on two ranks of one core each: images a second, and the share that communication takes. */
  readonly twoRanks: { readonly imagesPerSec: number; readonly communication: number };
  /** The same update in one process with two threads in an operator, and how many times as fast the ranks are. */
  readonly twoThreads: { readonly imagesPerSec: number };
  readonly ratio: number;
}

const [TIMES, STEPS] = [15, 4];
const WORKER = fileURLToPath(new URL('./clusterWorker.js', import.meta.url));
const PEER = 'bench/peers/collectives.py';

/** Two ranks of this machine against mpi4py and against one process, in turn. */
export async function benchCluster(model: string, batch: number, rounds: number): Promise<ClusterBench> {
  const floats = modelParams(buildModel(variantConfig(model, { classes: 1000 }))).reduce(
    (sum, { shape }) => sum + sizeOf(shape),
    0,
  );
  const python = findMpi4py();
  const [own, peer, ranks, threads]: [number[], number[], StepTimes[], StepTimes[]] = [[], [], [], []];
  const step = [model, batch / 2, 2, STEPS].map(String);
  for (let round = 0; round < rounds; round++) {
    const size = [String(floats), String(TIMES)];
    own.push(median((await onTwo<Times>([process.execPath, WORKER, 'collectives', ...size])).seconds));
    if (python) peer.push(median((await onTwo<Times>([python, PEER, ...size])).seconds));
    ranks.push(await onTwo<StepTimes>([process.execPath, WORKER, 'step', ...step, '1']));
    threads.push(await runWorker<StepTimes>('clusterWorker', ['step', ...step, '2']));
  }
  const rate = (runs: readonly StepTimes[]) => batch / median(runs.flatMap(({ seconds }) => seconds));
  const ratios = (a: readonly number[], b: readonly number[]) => median(a.map((x, i) => x / b[i]!));
  const each = (runs: readonly StepTimes[]) => runs.map(({ seconds }) => median(seconds));
  return {
    ...{ model, floats },
    collectives: {
      own: median(own),
      mpi4py: python ? median(peer) : null,
      ratio: python ? ratios(own, peer) : null,
    },
    twoRanks: {
      imagesPerSec: rate(ranks),
      communication: median(ranks.flatMap(({ seconds, waits }) => seconds.map((s, i) => waits[i]! / s))),
    },
    twoThreads: { imagesPerSec: rate(threads) },
    ratio: ratios(each(threads), each(ranks)),
  };
}

function findMpi4py(): string | undefined {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      execFileSync(python, ['-c', 'import mpi4py'], { stdio: 'ignore' });
      return python;
    } catch {
      // Try the next one.
    }
  }
  return undefined;
}

/** Runs a program on two ranks, a core each; gives the JSON object that rank 0 prints. */
async function onTwo<T>(command: readonly string[]): Promise<T> {
  const env = {
    ...process.env,
    OMPI_ALLOW_RUN_AS_ROOT: '1',
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
    OMPI_MCA_mpi_yield_when_idle: '1',
    OMPI_MCA_btl_tcp_if_include: 'lo',
  };
  const { stdout } = await run('mpirun', ['-np', '2', '--bind-to', 'core', ...command], { env });
  return JSON.parse(stdout) as T;
}
