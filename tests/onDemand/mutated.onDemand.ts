import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { MOST_BYTES } from '../mutated/judge.ts';
import { growth, readMutated } from '../mutated/mutated.ts';
import { compareMutants } from '../mutated/onnxMutants.ts';

const FILES = Number(process.env.FILES ?? 10_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
/** One of the files alone, by its number: to repeat a failure. */
const FILE = process.env.FILE === undefined ? undefined : Number(process.env.FILE);
/** Files of these kinds alone, `KINDS=weights,config`; they count towards FILES as if the others were there. */
const KINDS = process.env.KINDS?.split(',');

const dir = temporaryFolder();

it(`${FILES} mutated files (FILES=${FILES} SEED=${SEED}) are read, or refused by name`, async () => {
  console.log(`SEED=${SEED}`);
  const { tally, faults, held, peak } = await readMutated({
    files: FILES,
    seed: SEED,
    dir,
    only: FILE,
    kinds: KINDS,
    log: console.log,
  });
  console.table(tally);
  console.log(`at most ${Math.round(peak / 2 ** 20)} MiB`);
  expect(faults).toEqual([]);
  expect(peak).toBeLessThan(MOST_BYTES);
  if (held.length >= 12) expect(growth(held)).toEqual([]);
});

it(`${FILES} changed ONNX graphs (FILES=${FILES} SEED=${SEED}) are read as ONNX Runtime reads them, or refused`, async () => {
  const { tally, faults } = await compareMutants({ files: FILES, seed: SEED });
  console.table(tally);
  expect(faults).toEqual([]);
});
