import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isAlive } from '../../src/formats/disk/processNode.ts';
import { readJobs } from '../../src/studio/jobs/record.ts';
import type { JobView, RunSummary } from '../../src/studio/answers.ts';
import { parseMetricRows } from '../../src/train/loggers/metricRow.ts';
import { MAIN, TINY_VIT, temporaryFolder, writeDataset } from '../endToEnd/commandLine.ts';

const dir = temporaryFolder();
const WAIT = { timeout: 120_000, interval: 100 };

interface Started {
  readonly child: ChildProcess;
  ask<T>(path: string, body?: object): Promise<T>;
  /** Follows a run from where an event's id says; `steps` grows, `id` is that of the last event. */
  follow(from: { run?: string; id?: string }): Promise<{ readonly steps: number[]; id: string }>;
}

const children: ChildProcess[] = [];

async function startStudio(): Promise<Started> {
  const child = spawn(process.execPath, [MAIN, 'studio', '.', '--port', '0'], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const { origin } = new URL(line.trim());
  const first = await fetch(line.trim(), { redirect: 'manual' });
  const headers = { cookie: first.headers.get('set-cookie')!.split(';')[0]!, 'sec-fetch-site': 'same-origin' };
  return {
    child,
    ask: async <T>(path: string, body?: object) => {
      const posted = { method: 'POST', body: JSON.stringify(body) };
      const type = { 'content-type': 'application/json' };
      const answer = await fetch(`${origin}/api${path}`, {
        ...(body && posted),
        headers: { ...headers, ...(body && type) },
      });
      expect([path, answer.status]).toEqual([path, 200]);
      return (await answer.json()) as T;
    },
    follow: async ({ run, id }) => {
      const found = { steps: [] as number[], id: id ?? '' };
      const since = id === undefined ? {} : { 'last-event-id': id };
      const { body } = await fetch(`${origin}/api/stream?runs=${run ?? ''}`, { headers: { ...headers, ...since } });
      void told(body!, found).catch(() => undefined);
      return found;
    },
  };
}

async function told(body: ReadableStream<Uint8Array>, found: { steps: number[]; id: string }): Promise<void> {
  let text = '';
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const events = (text + piece).split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(event)?.[1];
      if (field('event') === 'rows' || field('event') === 'anew') {
        const { rows } = JSON.parse(field('data')!) as { rows: { step: number; 'train/loss'?: number }[] };
        found.steps.push(...rows.filter((row) => 'train/loss' in row).map(({ step }) => step));
      }
      found.id = field('id') ?? found.id;
    }
  }
}

beforeAll(() => writeDataset(join(dir, 'data')));
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  // What a studio begins outlives it, also where this test has failed.
  for (const { process: own } of await readJobs(realpathSync(dir)))
    if (own && isAlive(own)) process.kill(own.pid, 'SIGKILL');
});

it('killed in the middle of a run and started again: each step is told once, the queue goes on, and nothing that it began is lost', async () => {
  const first = await startStudio();
  const train = {
    command: 'train',
    flags: { data: 'data', model: TINY_VIT[0], out: 'run', epochs: '100000', batch: '8' },
    set: settingsOf(TINY_VIT),
  };
  const { job } = await first.ask<{ job: JobView }>('/jobs', train);
  const { job: next } = await first.ask<{ job: JobView }>('/jobs', { command: 'inspect', positionals: ['run'] });
  const run = await runOf(first);
  const before = await first.follow({ run: `${run}:` });
  await expect.poll(() => before.steps.length, WAIT).toBeGreaterThan(20);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const known = before.steps.length;
  await expect.poll(stepsOnDisk, WAIT).toBeGreaterThan(known + 20);
  const second = await startStudio();
  const states = async () =>
    Object.fromEntries((await second.ask<{ jobs: JobView[] }>('/jobs')).jobs.map(({ id, state }) => [id, state]));
  expect(await states()).toEqual({ [job.id]: 'running', [next.id]: 'queued' });
  const after = await second.follow({ id: before.id });
  await expect.poll(() => after.steps.length, WAIT).toBeGreaterThan(20);
  await second.ask(`/runs/${run}/tell`, { what: 'finish' });
  await expect.poll(states, WAIT).toEqual({ [job.id]: 'done', [next.id]: 'done' });
  const all = stepsOnDisk();
  await expect.poll(() => before.steps.length + after.steps.length, WAIT).toBe(all);
  expect([...before.steps, ...after.steps]).toEqual(Array.from({ length: all }, (_, i) => i + 1));
});

const settingsOf = (model: readonly string[]): string[] => model.filter((word) => word.includes('='));

async function runOf({ ask }: Started): Promise<string> {
  let id: string | undefined;
  await expect
    .poll(async () => {
      id = (await ask<{ runs: RunSummary[] }>('/runs')).runs.find(({ path }) => path === 'run')?.id;
      return id;
    }, WAIT)
    .toBeDefined();
  return id!;
}

function stepsOnDisk(): number {
  const path = join(dir, 'run/metrics.jsonl');
  if (!existsSync(path)) return 0;
  return parseMetricRows(readFileSync(path, 'utf8')).filter((row) => 'train/loss' in row).length;
}
