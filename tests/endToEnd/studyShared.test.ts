import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { runStudy } from '../../src/study/runStudy.ts';
import type { StudyEvent } from '../../src/study/shareRuns.ts';
import type { StudyReport } from '../../src/study/tables/rows.ts';
import { contents, temporaryFolder, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const at = (...path: string[]) => join(dir, ...path);
const WORKER = fileURLToPath(new URL('./studyWorker.mjs', import.meta.url));

const STUDY = {
  name: 'shared',
  base: {
    data: { dir: at('data'), workers: 1 },
    student: { name: 'vit_pico_patch4', settings: { depth: 1, width: 16, heads: 1 } },
    train: { epochs: 2, batch: 8, checkpointSeconds: 0.001, threads: 1 },
  },
  teachers: { cnn: { student: { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } } } },
  axes: {
    method: [
      { label: 'alone', set: { method: 'supervised' } },
      { label: 'kd', set: { method: 'kd', teacher: '$cnn' } },
    ],
    'train.seed': [0],
  },
};
const KEYS = ['teachers/cnn', 'runs/alone_seed-0', 'runs/kd_seed-0'];

/** What a study found, without what measures time. */
const found = (out: string) => ({
  report: JSON.parse(
    JSON.stringify(JSON.parse(readFileSync(at(out, 'results.json'), 'utf8')) as StudyReport, (key, value) =>
      ['seconds', 'cpuSeconds', 'latencyMs'].includes(key) ? undefined : value,
    ),
  ),
  weights: KEYS.map((key) => digest(at(out, key, 'checkpoints/last/model.safetensors'))),
  rows: KEYS.map((key) => rowsOf(at(out, key, 'metrics.jsonl'))),
  left: readdirSync(at(out), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.lock$|\.tmp-|\.old$/.test(name),
  ),
});
const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
/** Step and losses of each line: what a second writer would repeat or mix. */
const rowsOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const row = JSON.parse(line) as Record<string, number>;
      return [row.step, row['train/loss'], row['val/loss']];
    });

interface Worker {
  readonly process: ChildProcess;
  readonly events: (StudyEvent | { readonly type: 'step' | 'ended'; readonly reason?: string })[];
  readonly ended: Promise<number | null>;
}

/** A process that makes the study, and gives the others up after `silent` ms. */
function start(out: string, silent: number, watch: (worker: Worker) => void = () => undefined): Worker {
  const child = spawn(process.execPath, [WORKER, at('study.json'), at(out), String(silent)]);
  const ended = once(child, 'close').then(([status]) => status as number | null);
  const worker: Worker = { process: child, events: [], ended };
  let [rest, errors] = ['', ''];
  child.stderr.on('data', (text) => {
    errors += text;
  });
  child.on('close', (status) => status && console.error(errors));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    worker.events.push(...lines.map((line) => JSON.parse(line)));
    watch(worker);
  });
  return worker;
}

const made = ({ events }: Worker) => events.flatMap((one) => (one.type === 'runEnd' ? [one.key] : []));
const notes = ({ events }: Worker) => events.flatMap((one) => (one.type === 'note' ? [one.message] : []));
/** In the middle of the third run. */
const inThird = ({ events }: Worker) =>
  events.filter(({ type }) => type === 'runStart').length === 3 && events.at(-1)!.type === 'step';

beforeAll(async () => {
  await writeDataset(at('data'));
  writeFileSync(at('study.json'), JSON.stringify(STUDY));
  await runStudy(at('study.json'), { out: at('whole') });
  expect(found('whole').left).toEqual([]);
});

it('two processes at once make what one makes, each a part of it', async () => {
  const workers = [start('both', 60_000), start('both', 60_000)];
  for (const { ended } of workers) expect(await ended).toBe(0);
  expect(workers.flatMap(made).sort()).toEqual([...KEYS].sort());
  for (const worker of workers) expect(made(worker).length).toBeGreaterThan(0);
  expect(found('both')).toEqual(found('whole'));
});

it('a process that is stopped loses its run too, and changes nothing when it comes back', async () => {
  let stopped = false;
  const first = start('stopped', 2000, (worker) => {
    if (stopped || !inThird(worker)) return;
    stopped = true;
    worker.process.kill('SIGSTOP');
  });
  await expect.poll(() => stopped, { timeout: 60_000 }).toBe(true);
  const second = start('stopped', 2000);
  expect(await second.ended).toBe(0);
  const before = contents(at('stopped'));
  expect(found('stopped')).toEqual(found('whole'));
  first.process.kill('SIGCONT');
  expect(await first.ended).toBe(0);
  expect(notes(first).join('\n')).toMatch(/is dropped here: .* has taken over while this process stood still/);
  expect(first.events.at(-1)).toEqual({ type: 'ended', reason: 'done' });
  expect(contents(at('stopped'))).toEqual(before);
  expect([...made(first), ...made(second)].sort()).toEqual([...KEYS].sort());
});
