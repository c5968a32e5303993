import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Slurm on this machine, as root: munge, the controller, and two nodes of two cores. */
export class SlurmNodes {
  readonly env: Readonly<Record<string, string>>;
  readonly #dir: string;

  /** @param dir an empty folder whose path has no spaces */
  constructor(dir: string) {
    this.#dir = dir;
    const at = (name: string) => join(dir, name);
    const config = at('slurm.conf');
    this.env = { SLURM_CONF: config };
    for (const name of ['state', 'tmp-n1', 'tmp-n2']) mkdirSync(at(name));
    writeFileSync(at('munge.key'), randomBytes(128), { mode: 0o600 });
    writeFileSync(config, configuration(dir));
    const files = ['key-file', 'socket', 'pid-file', 'log-file', 'seed-file'].map(
      (kind) => `--${kind}=${at(`munge.${kind === 'key-file' ? 'key' : kind}`)}`,
    );
    execFileSync('munged', [...files, '--force']);
    execFileSync('slurmctld', ['-f', config]);
    for (const node of ['n1', 'n2']) execFileSync('slurmd', ['-N', node, '-f', config]);
    this.#run('srun', '--nodes=2', '--ntasks=2', '--mpi=pmix', 'true');
  }

  /** The number of the job; it runs meanwhile. */
  submit(cwd: string, env: Readonly<Record<string, string>>, ...args: readonly string[]): string {
    return execFileSync('sbatch', ['--parsable', ...args], {
      cwd,
      env: { ...process.env, ...this.env, ...env },
      encoding: 'utf8',
    }).trim();
  }

  /** As Slurm says it; undefined of a job that it has forgotten. */
  state(job: string): string | undefined {
    const { stdout } = spawnSync('squeue', ['--noheader', '--states=all', '--format=%T', `--jobs=${job}`], {
      env: { ...process.env, ...this.env },
      encoding: 'utf8',
    });
    return [...new Set(stdout.trim().split('\n'))].join(' ') || undefined;
  }

  cancel(...args: readonly string[]): void {
    this.#run('scancel', ...args);
  }

  stop(): void {
    for (const name of ['slurmd-n1', 'slurmd-n2', 'slurmctld', 'munge']) {
      const file = name === 'munge' ? 'munge.pid-file' : `${name}.pid`;
      process.kill(Number(readFileSync(join(this.#dir, file), 'utf8')));
    }
  }

  #run(program: string, ...args: readonly string[]): void {
    execFileSync(program, args, { env: { ...process.env, ...this.env }, timeout: 60_000 });
  }
}

/** Two node daemons of one host need ports, spools and folders for temporary files of their own (slurm.conf(5)). */
const configuration = (dir: string): string => `ClusterName=test
SlurmctldHost=${hostname().split('.')[0]}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${dir}/munge.socket
SlurmctldPort=17000
SlurmctldPidFile=${dir}/slurmctld.pid
SlurmdPidFile=${dir}/slurmd-%n.pid
SlurmdSpoolDir=${dir}/spool-%n
TmpFS=${dir}/tmp-%n
StateSaveLocation=${dir}/state
SlurmctldLogFile=${dir}/slurmctld.log
SlurmdLogFile=${dir}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
MinJobAge=600
NodeName=n[1-2] NodeHostname=${hostname().split('.')[0]} NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`;
