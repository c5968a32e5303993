import { spawn, spawnSync } from 'node:child_process';
import { UserError } from '../graph/errors.ts';
import { Noise } from './launcherNoise.ts';

export interface LaunchOptions {
  readonly ranks: number;
  /** Machines; none: this one. */
  readonly hosts: readonly string[];
  /** The launcher's file. */
  readonly mpirun: string;
  /** What each rank runs: a program and its arguments. */
  readonly command: readonly string[];
  /** Variables that every rank has. */
  readonly variables: Readonly<Record<string, string>>;
  readonly tell: (line: string) => void;
  /** Told once it runs how to signal it. */
  readonly onStart: (signal: (name: NodeJS.Signals) => void) => void;
}

/** How a job ended. */
export interface Launched {
  readonly status: number;
  /** The rank that was lost, in words, where one was. */
  readonly lost: string | undefined;
}

/** Our choice: so long a launcher may take to end after a rank has ended the job; with a network that is down it would wait for ever. */
const END_MS = 8000;

/** Our choice: so long what the ranks have said may take to come, once the launcher has ended. */
const DRAIN_MS = 1000;

type Flavour = 'openMpi' | 'hydra';

/** @throws UserError where there is no launcher, or one that is not known */
export function flavourOf(mpirun: string): Flavour {
  const { error, stdout } = spawnSync(mpirun, ['--version'], { encoding: 'utf8' });
  if (error)
    throw new UserError(
      `${mpirun}: wanted the launcher of an MPI, got none (${(error as NodeJS.ErrnoException).code ?? error.message}). Install one (Debian: apt-get install openmpi-bin), or name it with --mpirun`,
    );
  if (/Open MPI|OpenRTE|PRRTE|prte/i.test(stdout)) return 'openMpi';
  if (/HYDRA|MPICH|Intel/i.test(stdout)) return 'hydra';
  throw new UserError(
    `${mpirun}: wanted the launcher of Open MPI or of MPICH, got "${stdout.split('\n')[0]}". Start the ranks with it yourself: ${mpirun} ... understudy distill ...`,
  );
}

/** Ranks wait without taking cores from others, and are more than the cores where a user says so. */
const OPEN_MPI = [
  ...['--bind-to', 'none', '--oversubscribe', '--mca', 'mpi_yield_when_idle', '1'],
  ...['--mca', 'btl_base_warn_component_unused', '0'],
];
/** Within one machine nothing goes over its network cards. */
const ONE_MACHINE = ['--mca', 'btl', 'self,vader,tcp', '--mca', 'btl_tcp_if_include', 'lo'];
/** A machine that is gone is noticed within half a minute, and not after the system's two hours. */
const MACHINES = [
  ...['--mca', 'oob_tcp_keepalive_time', '10', '--mca', 'oob_tcp_keepalive_intvl', '5'],
  ...['--mca', 'oob_tcp_keepalive_probes', '3'],
];

/** The launcher's arguments. Ranks are spread evenly, neighbours on one machine. */
export function launcherArguments(
  flavour: Flavour,
  { ranks, hosts, command, variables }: Pick<LaunchOptions, 'ranks' | 'hosts' | 'command' | 'variables'>,
): string[] {
  const each = Math.ceil(ranks / Math.max(1, hosts.length));
  const names = Object.keys(variables);
  if (flavour === 'hydra')
    return [
      ...['-n', String(ranks)],
      ...(hosts.length > 0 ? ['-hosts', hosts.map((host) => `${host}:${each}`).join(',')] : []),
      ...(names.length > 0 ? ['-genvlist', names.join(',')] : []),
      ...command,
    ];
  return [
    ...['-np', String(ranks), ...OPEN_MPI],
    ...(hosts.length > 0 ? ['--host', hosts.map((host) => `${host}:${each}`).join(','), ...MACHINES] : ONE_MACHINE),
    ...names.flatMap((name) => ['-x', name]),
    ...command,
  ];
}

/** Runs a job to its end. Its output is passed on but for what the launcher says of itself. */
export function launch(options: LaunchOptions): Promise<Launched> {
  const args = launcherArguments(flavourOf(options.mpirun), options);
  // Open MPI wants root to say that it means it, which in a container nobody does.
  const asRoot = process.getuid?.() === 0 ? { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' } : {};
  const env = { ...process.env, ...asRoot, ...options.variables };
  // In a group of its own: a terminal's Ctrl-C would have it kill the ranks before they have saved.
  // Pipes, both: with our own output, a daemon that reaches for a machine which is cut off would keep whoever reads it waiting.
  const child = spawn(options.mpirun, args, { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true });
  child.stdout.pipe(process.stdout, { end: false });
  const noise = new Noise(options.tell);
  options.onStart((name) => void child.kill(name));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    noise.take(text);
    if (noise.ending) setTimeout(() => killGroup(child.pid), END_MS).unref();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    let status: number | undefined;
    const ended = (): void => {
      noise.end();
      resolve({ status: status!, lost: noise.lost });
    };
    child.on('exit', (code) => {
      // Ended by a signal: by ours, after the limit.
      status = code ?? 1;
      // Daemons on machines that are cut off hold the pipe; they end by themselves.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS).unref();
    });
    child.on('close', ended);
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
