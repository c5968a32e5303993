import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { growth, holdingsOf, medians } from '../endToEnd/steady.ts';

const STEPS = Number(process.env.STEPS ?? 10_000);
/** Bytes to keep at each step on purpose: with 200 and more the test must fail. */
const LEAK = Number(process.env.LEAK ?? 0);

const dir = temporaryFolder();

it.skipIf(process.platform !== 'linux')(`memory and open files are flat over ${STEPS} steps`, async () => {
  const holdings = await holdingsOf(dir, STEPS, Math.max(1, Math.floor(STEPS / 500)), LEAK);
  console.log(JSON.stringify(medians(holdings)));
  expect(growth(holdings)).toEqual([]);
});
