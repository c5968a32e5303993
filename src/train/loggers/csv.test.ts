import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { nodeFiles } from '../../host/node/filesNode.ts';
import type { RunEvent } from '../events.ts';
import { openCsv } from './csv.ts';
import { evaluation, step } from './testEvents.ts';

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'csv-'));
  path = join(dir, 'summary.csv');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function log(events: readonly RunEvent[], resumeStep?: number): Promise<string> {
  const logger = await openCsv(nodeFiles(dir), 'summary.csv', resumeStep === undefined ? {} : { resumeStep });
  for (const event of events) logger.on(event);
  await logger.close();
  return readFile(path, 'utf8');
}

const averaged = (at: number) => evaluation(at, { metrics: { top1: 0.75 }, ema: true });

test('a row an evaluation, with the averaged weights in the row of the plain ones', async () => {
  expect(await log([step(9), evaluation(10, { stage: 1 }), evaluation(20), averaged(20)])).toBe(
    'step,epoch,stage,val/loss,val/top1,val_ema/top1\n10,1,1,1.25,0.5,\n20,2,,1.25,0.5,0.75\n',
  );
});

test('the same metric twice at one step makes two rows', async () => {
  expect(await log([averaged(10), averaged(10)])).toBe('step,epoch,stage,val_ema/top1\n10,1,,0.75\n10,1,,0.75\n');
});

test('names with commas and quotes are quoted; NaN is written as such', async () => {
  expect(await log([evaluation(10, { metrics: { 'top1,"a"': NaN } })])).toBe(
    'step,epoch,stage,"val/top1,""a"""\n10,1,,NaN\n',
  );
});

test('resume cuts what is past the checkpoint, and ends with the file of an uninterrupted run', async () => {
  const quoted = evaluation(30, { metrics: { 'a,b': 1 } });
  const events = [evaluation(10), averaged(10), evaluation(20), quoted];
  const whole = await log(events);
  await log([...events.slice(0, 3), evaluation(30, { metrics: { onlyInTheKilledRun: 1 } })]);
  expect(await log(events.slice(2), 10)).toBe(whole);
  expect(await log([], 5)).toBe('step,epoch,stage\n');
});

test('after `flush` the row is on the disk, and a failed write is thrown there', async () => {
  const logger = await openCsv(nodeFiles(dir), 'summary.csv');
  logger.on(evaluation(10));
  await logger.flush();
  expect(await readFile(path, 'utf8')).toContain('\n10,1,');
  await rm(dir, { recursive: true });
  await writeFile(dir, 'a file in the place of the folder');
  logger.on(evaluation(20));
  await expect(logger.flush()).rejects.toThrow(UserError);
  await expect(logger.close()).rejects.toThrow(`${dir}: wanted to make this folder`);
});

test('another table of this name is refused and not touched', async () => {
  await writeFile(path, 'name,age\nx,3\n');
  await expect(openCsv(nodeFiles(dir), 'summary.csv', { resumeStep: 1 })).rejects.toThrow(
    'wanted a table whose first column is step, got name',
  );
  expect(await readFile(path, 'utf8')).toBe('name,age\nx,3\n');
});
