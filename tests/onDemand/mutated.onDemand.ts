import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { readMutated } from '../mutated/mutated.ts';

const FILES = Number(process.env.FILES ?? 10_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** One of the files alone, by its number: to repeat a failure. */
const FILE = process.env.FILE === undefined ? undefined : Number(process.env.FILE);

const dir = temporaryFolder();

it(`${FILES} mutated files (FILES=${FILES} SEED=${SEED}) are read, or refused by name`, async () => {
  console.log(`SEED=${SEED}`);
  const { tally, faults, rss, peak } = await readMutated({
    files: FILES,
    seed: SEED,
    dir,
    only: FILE,
    log: console.log,
  });
  console.table(tally);
  console.log(
    JSON.stringify({ rss: rss.map((bytes) => Math.round(bytes / 2 ** 20)), peak: Math.round(peak / 2 ** 20) }),
  );
  expect(faults).toEqual([]);
});
