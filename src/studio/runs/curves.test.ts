import { mkdtemp, rename, rm, writeFile, appendFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunCurves } from './curves.ts';
import { cursorText, follow, parseCursor, START } from './metricsFile.ts';
import { thin } from './thin.ts';

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'curves-'));
  path = join(dir, 'metrics.jsonl');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const line = (step: number, loss: number | null = step) =>
  `${JSON.stringify({ step, epoch: 1, stage: 0, 'train/loss': loss, 'train/lr': 0.1, time: step })}\n`;
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('');
const steps = (found: { readonly rows: readonly { readonly step: number }[] }) => found.rows.map(({ step }) => step);

it('follows a file from where it was read, by a text that another server understands', async () => {
  await writeFile(path, `${lines(1, 3)}${line(4).slice(0, 20)}`);
  const first = await follow(path, START);
  expect([steps(first), first.anew]).toEqual([[1, 2, 3], true]);
  // Some file systems keep no time of birth, and say 0.
  expect(first.born === 0 || Math.abs(first.born - Date.now()) < 60_000).toBe(true);
  const again = await follow(path, parseCursor(cursorText(first.cursor)));
  expect([steps(again), again.anew]).toEqual([[], false]);
  // The half line is finished, and a resume on top.
  await appendFile(path, `${line(4).slice(20)}${line(5)}`);
  expect(steps(await follow(path, first.cursor))).toEqual([4, 5]);
});

it('begins anew where a resume has put another file in the place, or the file was cut', async () => {
  await writeFile(path, lines(1, 9));
  const { cursor } = await follow(path, START);
  await writeFile(join(dir, 'other'), lines(1, 20));
  await rename(join(dir, 'other'), path);
  const resumed = await follow(path, cursor);
  expect([resumed.anew, steps(resumed).length]).toEqual([true, 20]);
  await writeFile(path, lines(1, 2));
  const cut = await follow(path, resumed.cursor);
  expect([cut.anew, steps(cut)]).toEqual([true, [1, 2]]);
  expect(parseCursor('nonsense')).toEqual(START);
});

it('reads only what is new, keeps null as null, and leaves a damaged line out', async () => {
  await writeFile(path, `${lines(1, 2)}{"step":\n${line(3, null)}`);
  const curves = new RunCurves(path);
  const first = await curves.read({ points: 10 });
  expect(first.curves['train/loss']).toEqual({ x: [1, 2, 3], y: [1, 2, null] });
  await appendFile(path, line(4));
  const second = await curves.read({ points: 10, from: 2, to: 4 });
  expect(second.curves['train/loss']).toEqual({ x: [2, 3, 4], y: [2, null, 4] });
  expect(second.cursor.at).toBeGreaterThan(first.cursor.at);
});

it('thins to means with the least and the largest of each stretch', () => {
  const x = Array.from({ length: 10 }, (_, i) => i + 1);
  const y = [1, 3, 5, 7, null, 4, null, null, 9, 11];
  expect(thin(x, y, 5)).toEqual({
    x: [2, 4, 6, 8, 10],
    y: [2, 6, 4, null, 10],
    low: [1, 5, 4, null, 9],
    high: [3, 7, 4, null, 11],
  });
  expect(thin(x, y, 10)).toEqual({ x, y });
});

it('a run of 100,000 steps is a small answer, and the second look costs little', async () => {
  await writeFile(path, lines(1, 100_000));
  const curves = new RunCurves(path);
  const first = await curves.read({ points: 800 });
  expect(first.steps).toBe(100_000);
  expect(JSON.stringify(first).length).toBeLessThan(150_000);
  const loss = first.curves['train/loss']!;
  // Every value is in some stretch: the means are those of the whole, and the ends are there.
  expect([loss.x.length, loss.low![0], loss.high!.at(-1)]).toEqual([800, 1, 100_000]);
  expect(loss.y.reduce<number>((sum, value) => sum + value!, 0) / 800).toBeCloseTo(50_000.5, 6);
  const start = performance.now();
  await curves.read({ points: 800 });
  expect(performance.now() - start).toBeLessThan(500);
});
