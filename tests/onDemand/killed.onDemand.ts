import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { stream } from '../../src/random/stream.ts';
import { temporaryFolder, understudy } from '../endToEnd/commandLine.ts';
import { DISTILL, expectSame, prepareWhole, SAVE_OFTEN } from '../endToEnd/resumed.ts';

const KILLS = Number(process.env.KILLS ?? 50);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

const dir = temporaryFolder();
let span = 0;

beforeAll(async () => {
  await prepareWhole(dir);
  // The machine has files and code at hand now: this is what a run takes.
  const began = performance.now();
  const again = await understudy(dir, [...DISTILL, ...SAVE_OFTEN, '--out', 'again']);
  span = performance.now() - began;
  expect(again.status, again.stderr).toBe(0);
  expectSame(join(dir, 'again'), join(dir, 'whole'));
});

/** A run that was killed before it had settings begins anew, as a user would. */
const command = (run: string) =>
  existsSync(join(dir, run, 'config.yaml')) ? ['distill', '--resume', '--out', run] : [...DISTILL, '--out', run];

it(`${KILLS} kills at random moments (KILLS=${KILLS} SEED=${SEED}) change no bit of what a run gives`, async () => {
  const random = stream('kill', SEED);
  console.log(`SEED=${SEED}: ${KILLS} kills, each within ${(span / 1000).toFixed(1)} s of a start`);
  for (let [killed, runs] = [0, 0]; killed < KILLS; runs++) {
    const run = `killed-${runs}`;
    for (let finished = false; !finished; ) {
      const after = killed < KILLS ? random.uniform() * span : undefined;
      const life = await understudy(dir, [...command(run), ...SAVE_OFTEN], undefined, after);
      finished = life.signal === null;
      if (finished) expect(life.status, life.stderr).toBe(0);
      else killed++;
      const last = life.stderr.trimEnd().split('\n').at(-1) || 'nothing';
      console.log(
        `${run}: ${finished ? 'finished' : `kill ${killed} after ${(after! / 1000).toFixed(1)} s`}; last said: ${last}`,
      );
    }
    expectSame(join(dir, run), join(dir, 'whole'));
    rmSync(join(dir, run), { recursive: true });
  }
});
