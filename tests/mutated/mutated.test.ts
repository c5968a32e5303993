import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { growth, readMutated } from './mutated.ts';

const FILES = 300;

const dir = temporaryFolder();

/** The long form is `npm run test:mutated`. */
it(`${FILES} mutated files of every kind are read, or refused by name`, async () => {
  const { tally, faults } = await readMutated({ files: FILES, seed: 1, dir });
  expect(faults).toEqual([]);
  for (const [kind, { files, read, refused }] of Object.entries(tally)) {
    expect([kind, files]).toEqual([kind, read + refused]);
    // All read would say that the files are whole, all refused that nothing is looked at.
    expect(refused, kind).toBeGreaterThan(files / 10);
    expect(read + refused, kind).toBeGreaterThanOrEqual(FILES / 30);
  }
  expect(tally.image.read + tally.csv.read + tally.tar.read).toBeGreaterThan(FILES / 10);
}, 300_000);

it('what grows is told', () => {
  const rows = (heap: (i: number) => number) =>
    Array.from({ length: 20 }, (_, i) => ({ rss: 2e8, heapUsed: heap(i), external: 1e7 }));
  expect(growth(rows((i) => 1e7 + (i % 3) * 1e6))).toEqual([]);
  expect(growth(rows((i) => 1e7 + i * 1e6))).toEqual([expect.stringContaining('heapUsed')]);
});
