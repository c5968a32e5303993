import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryTransports } from '../../src/cluster/memoryTransport.ts';
import { alone, Ranks } from '../../src/cluster/ranks.ts';
import type { RunInput } from '../../src/config/schema.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import { MAIN, ownProcess, TINY_TEACHER, temporaryFolder, understudy, writeDataset } from '../endToEnd/commandLine.ts';
import { expectSame, SAVE_OFTEN } from '../endToEnd/resumed.ts';
import { OPEN_MPI } from '../systemPackages.ts';
import { isAlive, mpirun, rankBelow } from './mpirun.ts';

const dir = temporaryFolder();

/**
 * Two stages, of which the first has batch normalisation and a teacher, EMA, noise, mixing, and six micro-batches to an update. One thread
 * in each operator: how many there are decides how ONNX Runtime rounds.
 */
const STUDENT = { depth: 1, width: 16, heads: 1, dropPath: 0.2, dropPathForm: 'constant' };
const TRAIN = { epochs: 4, batch: 2, accumulate: 6, ema: 0.9, threads: 1 };
const SETTINGS = {
  ...{ 'dearkd.stageOne': 0.5, 'student.settings': STUDENT, 'augment.preset': 'deit', 'data.workers': 1 },
  ...Object.fromEntries(Object.entries(TRAIN).map(([key, value]) => [`train.${key}`, value])),
};
const command = (out: string, ...more: readonly string[]) => [
  ...['distill', '--data', join(dir, 'data'), '--teacher', join(dir, 'teacher')],
  ...['--student', 'vit_pico_patch4', '--method', 'dearkd'],
  ...Object.entries(SETTINGS).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]),
  ...['--out', out, ...more],
];
const AGAIN = 'starting again from the last checkpoint';
const FP16 = ['--set', 'train.wire=fp16'];

async function done(args: readonly string[]): Promise<void> {
  const { status, stderr } = await understudy(dir, args);
  expect(status, stderr).toBe(0);
}

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await done(TINY_TEACHER);
  await done(command('alone'));
}, 120_000);

/** A run of the same settings on ranks of this process. */
async function onRanks(out: string, size: number, { train, ...more }: Partial<RunInput>): Promise<void> {
  const at = (name: string) => join(dir, name);
  const input = {
    ...{ data: { dir: at('data'), workers: 1 }, teacher: at('teacher'), method: 'dearkd' },
    student: { name: 'vit_pico_patch4', settings: STUDENT },
    methods: { dearkd: { stageOne: 0.5 } },
    augment: { preset: 'deit' },
    ...more,
    train: { ...TRAIN, ...train },
  } as RunInput;
  const hosts = Array.from({ length: size }, (_, rank) => `m${rank}`);
  const ranks = size === 1 ? [alone()] : memoryTransports(size).map((transport) => new Ranks(transport, { hosts }));
  await Promise.all(ranks.map((ranks) => trainRun(input, { out: at(out), ranks })));
}

const weights = (run: string) => readFileSync(join(dir, run, 'model/model.safetensors'));

describe('ranks give the bits of one process', () => {
  it('two ranks of two lanes', async () => {
    await onRanks('beside', 2, { train: { lanes: 2 } });
    expectSame(join(dir, 'beside'), join(dir, 'alone'));
    const log = readFileSync(join(dir, 'beside/rank-1.log'), 'utf8');
    expect(log).toContain('2 ranks on 2 machines (m0');
  });

  it('three ranks whose gradients travel in fp16: those of one process that rounds them, and others than in fp32; a resume keeps to it', async () => {
    const labels = { teacher: null, method: 'supervised', methods: {} } as const;
    const as = (wire: 'fp32' | 'fp16') => ({ ...labels, train: { epochs: 2, wire } });
    await onRanks('exact', 1, as('fp32'));
    await onRanks('rounded', 1, as('fp16'));
    await onRanks('travelled', 3, as('fp16'));
    expectSame(join(dir, 'travelled'), join(dir, 'rounded'));
    expect(weights('rounded')).not.toEqual(weights('exact'));
    const other = await understudy(dir, ['train', '--resume', '--out', 'rounded', '--set', 'train.wire=fp32']);
    expect(other.status).toBe(2);
    expect(other.stderr).toContain('train.wire: the run has "fp16", got "fp32"');
  });
});

it('a launcher whose daemon outlives it, as where a machine is cut off, keeps nobody waiting', async () => {
  const [fake, daemon] = [join(dir, 'mpirun'), join(dir, 'daemon')];
  const started = `sleep 600 & echo $! > ${daemon}; echo from a rank; exit 3`;
  writeFileSync(fake, `#!/bin/sh\nif [ "$1" = --version ]; then echo 'Open MPI'; else ${started}; fi\n`, {
    mode: 0o755,
  });
  const ended = await ownProcess(dir, ['launch', '--ranks', '2', '--mpirun', fake, '--', ...command('daemon')]);
  const pid = Number(readFileSync(daemon, 'utf8'));
  expect(isAlive(pid)).toBe(true);
  process.kill(pid);
  expect(ended).toMatchObject({ status: 3, stdout: 'from a rank\n' });
});

describe.skipIf(OPEN_MPI.find() === undefined)('in processes of their own, by mpirun', () => {
  it('a rank of four is killed and named; two go on, are started again after a loss, save at SIGTERM; one goes on to the bits of an undisturbed run', async () => {
    /** Kills the last rank of a job once it has saved; once it has saved again after a new start, sends SIGTERM. */
    const disturbed = (ranks: number, args: readonly string[]) => {
      let [killed, told] = [false, false];
      return ownProcess(dir, ['launch', '--ranks', String(ranks), ...args], (stderr, signal, pid) => {
        const saved = (from: string) => stderr.slice(stderr.indexOf(from)).includes('saved last of step');
        if (!killed && saved('')) {
          killed = true;
          process.kill(rankBelow(pid, ranks - 1), 'SIGKILL');
        } else if (killed && !told && stderr.includes(AGAIN) && saved(AGAIN)) {
          told = true;
          signal('SIGTERM');
        }
      });
    };
    const four = await disturbed(4, ['--', ...command('going', ...SAVE_OFTEN)]);
    expect(four.status, four.stderr).toBe(137);
    expect(four.stderr).toMatch(/rank 3 on \S+ was ended by signal 9 \(Killed\); the job has ended with status 137/);

    expect(four.stderr).toContain('  understudy launch --ranks 4 -- distill --resume --out going\n');

    const rest = ['distill', '--resume', '--out', 'going'];
    const two = await disturbed(2, ['--max-restarts', '1', '--', ...rest]);
    expect(two.status, two.stderr).toBe(138);
    expect(two.stderr).toMatch(/rank 1 on \S+ was ended by signal 9/);
    expect(two.stderr).toContain(`${AGAIN} (1 of 1 new starts left)`);
    expect(two.stderr).toMatch(/Interrupted after step \d+; the checkpoint is in going/);

    await done(rest);
    expectSame(join(dir, 'going'), join(dir, 'alone'));
  });

  it('a rank that stands still is named, with the step and what is waited for, and the job ends after the limit', async () => {
    let stopped = 0;
    const limits = ['--late', '1', '--limit', '3'];
    const args = ['launch', '--ranks', '2', ...limits, '--', ...command('stopped', ...SAVE_OFTEN)];
    const ended = await ownProcess(dir, args, (stderr, _, pid) => {
      if (stopped > 0 || !stderr.includes('saved last of step 1:')) return;
      stopped = rankBelow(pid, 1);
      process.kill(stopped, 'SIGSTOP');
    });
    expect(ended.status, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(
      /warning: rank 1 on \S+ is late: the others wait since \d s at "(the evaluation after )?step \d: .*"; the job ends after 3 s/,
    );
    expect(ended.stderr).toMatch(/which is the limit\. The job is ended here/);
    await expect.poll(() => isAlive(stopped), { timeout: 10_000 }).toBe(false);
  });

  it('other settings on a rank are refused before the first step, with the difference', async () => {
    const other = ['-np', '1', process.execPath, MAIN, ...command('differing', '--seed', '7', ...FP16)];
    const refused = await mpirun(dir, 1, [...command('differing'), ':', ...other]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(
      /wanted the same program and settings on all, got\n {2}train\.wire: "fp32" on rank 0 \(\S+\), "fp16" on rank 1 \(\S+\)\n {2}train\.seed: 0 on rank 0 \(\S+\), 7 on rank 1/,
    );
    expect(existsSync(join(dir, 'differing'))).toBe(false);
  });
});
