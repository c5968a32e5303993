import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { shardOf } from '../../src/cli/shard.ts';
import { COMMANDS } from '../../src/cli/program.ts';
import { checkArguments } from '../../src/cli/arguments.ts';
import { MAIN, temporaryFolder } from '../endToEnd/commandLine.ts';
import { job, mpiJob } from './kubernetes.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const text = (path: string) => readFileSync(join(DEPLOY, path), 'utf8');
const dir = temporaryFolder();

/** Refused as the command line refuses it: an unknown flag, one without its value, none where one is wanted. */
async function checkCommand([name, ...args]: readonly string[]): Promise<void> {
  const command = await COMMANDS[name!]!();
  checkArguments(command, args);
  const inner = args.indexOf('--');
  if (inner >= 0) await checkCommand(args.slice(inner + 1));
}

beforeAll(() => {
  mkdirSync(join(dir, 'bin'));
  // What scripts find on the PATH: the program, and a srun that runs what it is given once.
  const scripts = {
    understudy: `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`,
    srun: '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n',
    scontrol: '#!/bin/sh\necho "scontrol $*"\n',
    told: '#!/bin/sh\nprintf "<%s>" "$@"\necho " in $PWD"\n',
  };
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(dir, 'bin', name), script);
    chmodSync(join(dir, 'bin', name), 0o755);
  }
});

function bash(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const path = { PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
  return spawnSync('bash', [join(DEPLOY, script), ...args], {
    cwd: dir,
    encoding: 'utf8',
    env: { ...process.env, ...path, ...env },
  });
}

/** A program in the place of understudy. */
const replaceProgram = (script: string) => writeFileSync(join(dir, 'bin/understudy'), `#!/bin/bash\n${script}\n`);
const TOLD = 'exec told "$@"';

it('has nothing that no test knows', () => {
  const names = readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.includes('.') || name.endsWith('file'),
  );
  expect(names.sort()).toEqual([
    'Dockerfile',
    'kubernetes/indexedJob.yaml',
    'kubernetes/mpiJob.yaml',
    'parallel.sh',
    'slurm/array.sbatch',
    'slurm/train.sbatch',
  ]);
});

describe('Kubernetes', () => {
  it('takes the Indexed Job, whose pods run a command of ours, and --shard auto reads its variables', async () => {
    const { spec } = job.parse(parse(text('kubernetes/indexedJob.yaml')));
    const [pod] = spec.template.spec.containers;
    await checkCommand(pod!.args!);
    expect(spec.completionMode).toBe('Indexed');
    const env = Object.fromEntries(pod!.env!.map(({ name, value }) => [name, value]));
    for (let index = 0; index < spec.completions; index++)
      expect(shardOf('auto', { ...env, JOB_COMPLETION_INDEX: String(index) })).toEqual({ index, of: spec.completions });
  });

  it('takes the MPIJob, which launches as many ranks as it has workers, each with a micro-batch of an update', async () => {
    const { spec } = mpiJob.parse(parse(text('kubernetes/mpiJob.yaml')));
    const { Launcher, Worker } = spec.mpiReplicaSpecs;
    const { args } = Launcher.template.spec.containers[0]!;
    await checkCommand(args!);
    const ranks = Number(args![args!.indexOf('--ranks') + 1]);
    expect(ranks).toBe(Worker.replicas * spec.slotsPerWorker);
    expect(args).toContain(`train.accumulate=${ranks}`);
    // What the image has: its sshd, its user, and the folder of the keys.
    const image = text('Dockerfile');
    expect(image).toContain(`AuthorizedKeysFile ${spec.sshAuthMountPath}/authorized_keys`);
    expect(Worker.template.spec.containers[0]!.args).toContain('/srv/understudy/.sshd_config');
    expect(image).toContain('> /srv/understudy/.sshd_config');
  });

  it('would refuse a field that it does not know', () => {
    const spoilt = text('kubernetes/indexedJob.yaml').replace('completions:', 'completion:');
    expect(() => job.parse(parse(spoilt))).toThrow(/completion/);
  });
});

describe('the image', () => {
  const instructions = text('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, '')
    .trim()
    .split('\n');

  it('has instructions that there are, and shell lines that bash can read', () => {
    for (const line of instructions) expect(line).toMatch(/^(FROM|RUN|COPY|USER|WORKDIR|ENTRYPOINT|CMD) \S/);
    const runs = instructions.filter((line) => line.startsWith('RUN ')).map((line) => line.slice(4));
    const { status, stderr } = spawnSync('sh', ['-n'], { input: runs.join('\n'), encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('starts the program, from a package that npm pack makes', async () => {
    const { name, engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(instructions).toContain(`COPY ${name}-*.tgz /tmp/`);
    expect(instructions).toContain(`ENTRYPOINT ["${name}"]`);
    const [, node] = /^FROM node:(\d+)-/.exec(instructions[0]!)!;
    expect(Number(node)).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)![0]));
  });
});

describe('Slurm', () => {
  it('trains anew, goes on with what is there, and is queued again where it was stopped with a checkpoint', () => {
    replaceProgram(TOLD);
    const fresh = bash('slurm/train.sbatch', ['out', 'train', '--data', 'a b']);
    expect(fresh.stdout).toBe(`<train><--data><a b><--out><out> in ${dir}\n`);
    mkdirSync(join(dir, 'out'));
    writeFileSync(join(dir, 'out/config.yaml'), '');
    expect(bash('slurm/train.sbatch', ['out', 'train', '--data', 'a b']).stdout).toBe(
      `<train><--resume><--out><out> in ${dir}\n`,
    );
    replaceProgram('exit 138');
    const stopped = bash('slurm/train.sbatch', ['out', 'train'], { SLURM_JOB_ID: '7' });
    expect([stopped.status, stopped.stdout]).toEqual([138, 'scontrol requeue 7\n']);
    replaceProgram('exit 1');
    const failed = bash('slurm/train.sbatch', ['out', 'train'], { SLURM_JOB_ID: '7' });
    expect([failed.status, failed.stdout]).toEqual([1, '']);
  });

  it('gives each task of an array its number where it is asked for', () => {
    replaceProgram(TOLD);
    const { stdout } = bash('slurm/array.sbatch', ['study', 'a b.yaml', '--shard', 'auto', '--out', 'part%a'], {
      SLURM_ARRAY_TASK_ID: '3',
    });
    expect(stdout).toBe(`<study><a b.yaml><--shard><auto><--out><part3> in ${dir}\n`);
  });
});

const hasParallel = spawnSync('parallel', ['--version']).status === 0;

describe.runIf(hasParallel)('GNU parallel', () => {
  it('starts so many processes in this folder, with their numbers where they are asked for', () => {
    replaceProgram(TOLD);
    const found = bash('parallel.sh', ['3', ':', 'study', "a b's.yaml", '--shard', '%a/3', '--out', 'part%a']);
    expect([found.status, found.stderr]).toEqual([0, '']);
    expect(
      found.stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/^.*?</, '<'))
        .sort(),
    ).toEqual(['1', '2', '3'].map((n) => `<study><a b's.yaml><--shard><${n}/3><--out><part${n}> in ${dir}`));
    replaceProgram('exit 3');
    expect(bash('parallel.sh', ['2', ':', 'study', 'x']).status).not.toBe(0);
  });
});
