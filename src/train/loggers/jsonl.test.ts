import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { nodeFiles } from '../../host/node/filesNode.ts';
import type { RunEvent } from '../events.ts';
import { openJsonl } from './jsonl.ts';
import { parseMetricRows, withoutTimings } from './metricRow.ts';
import { evaluation, startTime, step } from './testEvents.ts';

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'jsonl-'));
  path = join(dir, 'metrics.jsonl');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const text = () => readFile(path, 'utf8');

async function log(events: readonly RunEvent[], resumeStep?: number): Promise<void> {
  const logger = await openJsonl(nodeFiles(dir), 'metrics.jsonl', resumeStep === undefined ? {} : { resumeStep });
  for (const event of events) logger.on(event);
  await logger.close();
}

test('one line a step and an evaluation, none for other events', async () => {
  await log([step(1), { type: 'note', time: 0, message: 'x' }, evaluation(1, { stage: 2, ema: true })]);
  expect(await text()).toBe(
    '{"step":1,"epoch":1,"stage":0,"train/loss":2.5,"train/loss_ce":1,"train/loss_kd":1.5,"train/lr":0.001,' +
      '"train/grad_norm":1.25,"train/images_per_sec":512.4,"profiling/data_wait":0.031,' +
      `"time":${startTime + 1000}}\n` +
      `{"step":1,"epoch":1,"stage":2,"val_ema/loss":1.25,"val_ema/top1":0.5,"time":${startTime + 1000}}\n`,
  );
});

test('a line is in the file when `on` returns, so a kill loses none', async () => {
  const logger = await openJsonl(nodeFiles(dir), 'metrics.jsonl');
  logger.on(step(1));
  expect(parseMetricRows(await text()).map((row) => row.step)).toEqual([1]);
  await logger.close();
});

test('NaN and infinities become null', async () => {
  await log([step(1, { loss: NaN, gradNorm: Infinity })]);
  const [row] = parseMetricRows(await text());
  expect([row!['train/loss'], row!['train/grad_norm'], row!['train/lr']]).toEqual([null, null, 0.001]);
});

test('rows without their timings are equal for two runs at different speeds, and differ in a changed loss', async () => {
  const rows = async (events: RunEvent[]) => {
    await log(events);
    return parseMetricRows(await text()).map(withoutTimings);
  };
  const fast = await rows([step(1), evaluation(1)]);
  const slower = step(1, { time: 5, imagesPerSec: 1, dataWait: 0.9, teacherTime: 0.5, etaSeconds: 9 });
  expect(await rows([slower, evaluation(1, { time: 6 })])).toEqual(fast);
  expect(await rows([step(1, { loss: 2.5000000000000004 }), evaluation(1)])).not.toEqual(fast);
});

describe('resume', () => {
  test('cuts what is past the checkpoint, and goes on to the file of an uninterrupted run', async () => {
    const events = [step(1), step(2), evaluation(2), step(3), step(4), evaluation(4)];
    await log(events);
    const whole = await text();
    await log(events.slice(0, 4));
    await log(events.slice(3), 2);
    expect(await text()).toBe(whole);
  });

  test('drops a half-written last line, also of a step before the checkpoint', async () => {
    await log([step(1), step(2)]);
    const [first, second] = (await text()).split('\n');
    await writeFile(path, `${first}\n${second!.slice(0, 20)}`);
    await log([], 2);
    expect(await text()).toBe(`${first}\n`);
    // A line that lacks only its end of line may be complete JSON: still half-written, since nobody knows.
    await writeFile(path, `${first}\n${second}`);
    await log([], 2);
    expect(await text()).toBe(`${first}\n`);
  });

  test('keeps everything at the very step, nothing at step 0, and works without a file', async () => {
    await log([step(1), evaluation(1)]);
    const before = await text();
    await log([], 1);
    expect(await text()).toBe(before);
    await log([], 0);
    expect(await text()).toBe('');
    await rm(path);
    await log([step(3)], 2);
    expect(parseMetricRows(await text()).map((row) => row.step)).toEqual([3]);
  });

  test('another file of this name is refused and not touched', async () => {
    await writeFile(path, 'hello\nworld\n');
    await expect(openJsonl(nodeFiles(dir), 'metrics.jsonl', { resumeStep: 1 })).rejects.toThrow(UserError);
    await expect(openJsonl(nodeFiles(dir), 'metrics.jsonl', { resumeStep: 1 })).rejects.toThrow(
      `${path}: wanted one JSON object a line`,
    );
    expect(await text()).toBe('hello\nworld\n');
  });

  test('a new run empties the file', async () => {
    await log([step(1)]);
    await log([step(5)]);
    expect(parseMetricRows(await text()).map((row) => row.step)).toEqual([5]);
  });
});

test('a path that cannot be opened is a UserError', async () => {
  await writeFile(path, '');
  await expect(openJsonl(nodeFiles(path), 'under')).rejects.toThrow(UserError);
});
