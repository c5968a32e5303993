import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { type Finished, MAIN } from '../endToEnd/commandLine.ts';

/** Root as in a container, more ranks than cores, waiting ranks that leave others theirs, and no network but this machine's. */
const ENVIRONMENT = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  OMPI_MCA_mpi_yield_when_idle: '1',
  OMPI_MCA_btl_tcp_if_include: 'lo',
};

export interface Watched {
  /** Told what there is on stderr so far; `signal` reaches the launcher. */
  readonly watch?: (stderr: string, signal: (signal: NodeJS.Signals) => void) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command on so many ranks, as Open MPI's users do. */
export function mpirun(
  cwd: string,
  ranks: number,
  args: readonly string[],
  { watch, env = {} }: Watched = {},
): Promise<Finished> {
  const command = ['-np', String(ranks), '--bind-to', 'none', process.execPath, MAIN, ...args];
  const child = spawn('mpirun.openmpi', command, { cwd, env: { ...process.env, ...ENVIRONMENT, ...env } });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    watch?.(stderr, (signal) => child.kill(signal));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** The process of a rank of the job that a process has started. */
export function rankBelow(pid: number, rank: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = /^PPid:\s*(\d+)/m.exec(read(`/proc/${name}/status`))?.[1];
    parents.set(Number(name), Number(parent));
  }
  const isBelow = (at: number | undefined): boolean => at !== undefined && (at === pid || isBelow(parents.get(at)));
  const found = [...parents.keys()].find(
    (at) => isBelow(at) && read(`/proc/${at}/environ`).split('\0').includes(`OMPI_COMM_WORLD_RANK=${rank}`),
  );
  if (found === undefined) throw new Error(`no rank ${rank} below process ${pid}`);
  return found;
}

/** A process that has ended and is not yet waited for is none. */
export const isAlive = (pid: number): boolean => /^State:\s*[^ZX]/m.test(read(`/proc/${pid}/status`));
