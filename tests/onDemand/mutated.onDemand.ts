import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { growth, readMutated } from '../mutated/mutated.ts';
import { compareMutants } from '../mutated/onnxMutants.ts';

const FILES = Number(process.env.FILES ?? 10_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** One of the files alone, by its number: to repeat a failure. */
const FILE = process.env.FILE === undefined ? undefined : Number(process.env.FILE);

const MB = 2 ** 20;
/** Our choice: the most that the reading process may ever take; about twice what is seen. */
const MOST = 1280 * MB;

const dir = temporaryFolder();

it(`${FILES} mutated files (FILES=${FILES} SEED=${SEED}) are read, or refused by name`, async () => {
  console.log(`SEED=${SEED}`);
  const { tally, faults, held, peak } = await readMutated({
    files: FILES,
    seed: SEED,
    dir,
    only: FILE,
    log: console.log,
  });
  console.table(tally);
  console.log(`at most ${Math.round(peak / MB)} MiB`);
  expect(faults).toEqual([]);
  expect(peak).toBeLessThan(MOST);
  if (held.length >= 12) expect(growth(held)).toEqual([]);
});

it(`${FILES} changed ONNX graphs (FILES=${FILES} SEED=${SEED}) are read as ONNX Runtime reads them, or refused`, async () => {
  const { tally, faults } = await compareMutants({ files: FILES, seed: SEED });
  console.table(tally);
  expect(faults).toEqual([]);
});
