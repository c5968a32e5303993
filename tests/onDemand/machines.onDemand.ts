import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contents, MAIN, understudy, writeDataset } from '../endToEnd/commandLine.ts';
import { SlurmNodes } from './slurmNodes.ts';

/** The templates of deploy/ on real schedulers, as root on one machine. Debian: slurm-wlm, libpmix-dev, openmpi-bin, parallel, openssh-server. */
const DEPLOY = fileURLToPath(new URL('../../deploy/', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'machines-'));
const at = (...path: string[]) => join(dir, ...path);
const env = { PATH: `${at('bin')}:${process.env.PATH}` };

const TINY = ['--model', 'vit_pico_patch4', '--set', 'student.settings={"depth":1,"width":16,"heads":1}'];
const TRAIN = [
  'train',
  '--data',
  'data',
  ...TINY,
  '--batch',
  '4',
  '--set',
  'train.accumulate=2',
  '--set',
  'train.threads=1',
];
const DISTILL = [
  'distill',
  '--teacher',
  'teacher',
  '--method',
  'dearkd',
  '--data',
  'data',
  '--student',
  ...TINY.slice(1),
  ...TRAIN.slice(TRAIN.indexOf('--batch')),
  '--epochs',
  '2',
];
const SET = [
  'synthesize',
  '--teacher',
  'teacher',
  '--images',
  '45',
  '--per-batch',
  '3x3',
  '--set',
  'iterations=40',
  '--set',
  'threads=1',
];

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const weights = (out: string) => digest(at(out, 'checkpoints/last/model.safetensors'));
const setOf = (out: string) => contents(at(out)).filter((line) => !line.startsWith('batches'));
const until = (what: () => boolean) => expect.poll(what, { timeout: 300_000, interval: 200 }).toBe(true);

beforeAll(async () => {
  await writeDataset(at('data'));
  mkdirSync(at('bin'));
  writeFileSync(at('bin/understudy'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`);
  chmodSync(at('bin/understudy'), 0o755);
  const done = async (...args: string[]) => expect((await understudy(dir, args)).status).toBe(0);
  const teacher = ['--model', 'resnet8_small', '--set', 'student.settings={"depths":[1,1,1],"widths":[4,8,8]}'];
  await done('train', '--data', 'data', ...teacher, '--epochs', '1', '--batch', '8', '--out', 'teacher');
  await done(...TRAIN, '--epochs', '60', '--out', 'whole');
  await done(...DISTILL, '--out', 'taught');
  await done(...SET, '--out', 'images');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('Slurm', () => {
  let slurm: SlurmNodes;
  beforeAll(() => {
    mkdirSync(at('slurm'));
    slurm = new SlurmNodes(at('slurm'));
  });
  afterAll(() => slurm.stop());

  it('distils on two nodes by srun alone, to the bits of one process', () => {
    const job = ['--mpi=pmix', '--nodes=2', '--ntasks=2', '--cpus-per-task=1', 'understudy'];
    const done = spawnSync('srun', [...job, ...DISTILL, '--out', 'srun'], {
      cwd: dir,
      env: { ...process.env, ...env, ...slurm.env },
      encoding: 'utf8',
    });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toContain('2 ranks on ');
    expect(weights('srun')).toBe(weights('taught'));
  });

  it('trains on two nodes, is warned, queued again and goes on, to the bits of one process', async () => {
    const job = slurm.submit(
      dir,
      env,
      '--cpus-per-task=1',
      join(DEPLOY, 'slurm/train.sbatch'),
      'out',
      ...TRAIN,
      '--epochs',
      '60',
    );
    const rows = () =>
      existsSync(at('out/metrics.jsonl')) ? readFileSync(at('out/metrics.jsonl'), 'utf8').split('\n').length : 0;
    await until(() => rows() > 30);
    slurm.cancel('--signal=USR1', job);
    const log = () => readFileSync(at(`understudy-${job}.log`), 'utf8');
    // The requeued job waits for Slurm's next look at its queue.
    await until(() => slurm.state(job) === 'COMPLETED' || slurm.state(job) === 'FAILED');
    expect(slurm.state(job), log()).toBe('COMPLETED');
    expect(readFileSync(at('out/train.log'), 'utf8')).toMatch(/interrupted after[\s\S]*goes on from step/);
    expect(weights('out')).toBe(weights('whole'));
  });

  it('makes a set of images as a job array, byte for byte', async () => {
    const job = slurm.submit(
      dir,
      env,
      '--array=1-3',
      '--cpus-per-task=1',
      join(DEPLOY, 'slurm/array.sbatch'),
      ...SET,
      '--out',
      'array',
    );
    await until(() => /^(COMPLETED|.*FAILED.*)$/.test(slurm.state(job) ?? ''));
    const logs = readdirSync(dir).filter((name) => name.startsWith('understudy-array-'));
    const made = logs.map((name) => readFileSync(at(name), 'utf8').match(/^batch \d\/5: /gm)?.length ?? 0);
    expect(made.reduce((a, b) => a + b, 0)).toBe(5);
    expect(setOf('array')).toEqual(setOf('images'));
  });
});

describe('GNU parallel over ssh', () => {
  const hosts = [1, 2].map((n) => ({ name: `understudy-h${n}`, address: `10.87.0.${n + 1}` }));
  const ip = (...args: string[]) => execFileSync('ip', args);
  const pids: number[] = [];

  beforeAll(() => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('key')]);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('hostKey')]);
    mkdirSync('/run/sshd', { recursive: true });
    ip('link', 'add', 'understudy-br', 'type', 'bridge');
    ip('addr', 'add', '10.87.0.1/24', 'dev', 'understudy-br');
    ip('link', 'set', 'understudy-br', 'up');
    for (const [i, { name, address }] of hosts.entries()) {
      ip('netns', 'add', name);
      ip('link', 'add', `us${i}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('link', 'set', `us${i}`, 'master', 'understudy-br', 'up');
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      const options = [
        '-D',
        '-e',
        '-h',
        at('hostKey'),
        '-o',
        `AuthorizedKeysFile=${at('key.pub')}`,
        '-o',
        'StrictModes=no',
        '-o',
        `SetEnv=PATH=${env.PATH}`,
        '-o',
        'PidFile=none',
      ];
      pids.push(spawn('ip', ['netns', 'exec', name, '/usr/sbin/sshd', ...options], { stdio: 'ignore' }).pid!);
    }
    const ssh = `ssh -i ${at('key')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    writeFileSync(at('bin/sshHere'), `#!/bin/sh\nexec ${ssh} "$@"\n`);
    chmodSync(at('bin/sshHere'), 0o755);
  });
  afterAll(() => {
    for (const pid of pids) process.kill(pid);
    for (const { name } of hosts) ip('netns', 'delete', name);
    ip('link', 'delete', 'understudy-br');
  });

  it('makes a set of images on two hosts, byte for byte', () => {
    const logins = hosts.map(({ address }) => address).join(',');
    const found = spawnSync('bash', [join(DEPLOY, 'parallel.sh'), '2', logins, ...SET, '--out', 'parallel'], {
      cwd: dir,
      env: { ...process.env, ...env, PARALLEL_SSH: 'sshHere' },
      encoding: 'utf8',
    });
    expect(found.status, found.stderr).toBe(0);
    // Each line has the number of its process before it: both made some.
    for (const process of [1, 2]) expect(found.stderr).toMatch(new RegExp(`^${process}\tbatch \\d/5: `, 'm'));
    expect(setOf('parallel')).toEqual(setOf('images'));
  });
});
