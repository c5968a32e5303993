import { expect, it } from 'vitest';
import { temporaryFolder } from './commandLine.ts';
import { growth, type Holding, holdingsOf } from './steady.ts';

const dir = temporaryFolder();

/** Open files and memory are told by Linux. The long form is `npm run test:memory`. */
it.skipIf(process.platform !== 'linux')(
  'memory and open files are flat over 360 steps',
  async () => {
    const holdings = await holdingsOf(dir, 360, 5);
    expect(holdings).toHaveLength(72);
    expect(growth(holdings)).toEqual([]);
  },
  300_000,
);

it('what grows is told', () => {
  const flat = { rss: 2e8, heapUsed: 2e7, external: 1e7, files: 30 };
  const rows = (more: (step: number) => Partial<Holding>): Holding[] =>
    Array.from({ length: 60 }, (_, step) => ({ step, ...flat, ...more(step) }));
  expect(growth(rows(() => ({})))).toEqual([]);
  // Garbage that comes and goes, and a warm-up.
  expect(growth(rows((step) => ({ heapUsed: 2e7 + (step % 7) * 1e6, rss: step < 10 ? 1e8 : 2e8 })))).toEqual([]);
  expect(growth(rows((step) => ({ external: 1e7 + step * 75_264 })))).toHaveLength(1);
  expect(growth(rows((step) => ({ heapUsed: 2e7 + step * 40_000 })))).toHaveLength(1);
  expect(growth(rows((step) => ({ files: 30 + Math.floor(step / 12) })))).toHaveLength(1);
});
