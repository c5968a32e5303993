import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stream } from '../../src/random/stream.ts';
import { rankBelow } from '../cluster/mpirun.ts';
import { type Finished, MAIN, ownProcess, temporaryFolder, understudy } from '../endToEnd/commandLine.ts';
import { DISTILL, expectSame, prepareWhole, SAVE_OFTEN } from '../endToEnd/resumed.ts';

const KILLS = Number(process.env.KILLS ?? 20);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

const dir = temporaryFolder();
/** Four micro-batches of two images, one thread in an operator. */
const SHARED = ['--batch', '2', '--set', 'train.accumulate=4', '--set', 'train.threads=1', ...SAVE_OFTEN];
const command = (out: string) => [
  ...DISTILL.filter((word, i) => word !== '--batch' && DISTILL[i - 1] !== '--batch'),
  ...SHARED,
  '--out',
  out,
];

/** Milliseconds of a step, with what comes between: as one process takes them. */
let step = 0;
let steps = 0;
beforeAll(async () => {
  await prepareWhole(dir);
  const saved: number[] = [];
  const alone = await understudy(dir, command('alone'), (stderr) => {
    while (saved.length < (stderr.match(/saved last of step/g)?.length ?? 0)) saved.push(performance.now());
  });
  expect(alone.status, alone.stderr).toBe(0);
  steps = saved.length;
  step = (saved.at(-1)! - saved[0]!) / (steps - 1);
});

/** Kills a rank once a step is saved and some milliseconds have passed; gives when, undefined where the job has ended before. */
async function killed(out: string, rank: number, after: { readonly step: number; readonly ms: number }) {
  let [begun, at]: [boolean, number | undefined] = [false, undefined];
  let seconds = Number.NaN;
  const args = ['launch', '--ranks', '2', '--max-restarts', '1', '--', ...command(out)];
  const done = await ownProcess(dir, args, (stderr, _, pid) => {
    if (!begun && stderr.includes(`saved last of step ${after.step}:`)) {
      begun = true;
      setTimeout(() => {
        try {
          process.kill(rankBelow(pid, rank), 'SIGKILL');
          at = performance.now();
        } catch {
          // The job has ended.
        }
      }, after.ms);
    }
    if (at !== undefined && Number.isNaN(seconds) && stderr.includes('the job has ended'))
      seconds = (performance.now() - at) / 1000;
  });
  return { done, hit: at !== undefined, seconds };
}

it(`a rank that is killed at ${KILLS} random moments (KILLS=${KILLS} SEED=${SEED}) is named within 10 s, and a new start gives the same bits`, async () => {
  const random = stream('kill a rank', SEED);
  let [hits, missed] = [0, 0];
  while (hits < KILLS) {
    const [out, rank] = [`killed-${hits}-${missed}`, random.below(2)];
    const after = { step: random.below(steps), ms: random.uniform() * step };
    const { done, hit, seconds } = await killed(out, rank, after);
    expect(done.status, done.stderr).toBe(0);
    expectSame(join(dir, out), join(dir, 'alone'));
    // After the last step there may be less time than a step takes: another moment is drawn, so that so many kills are kills.
    if (!hit) {
      expect(after.step, done.stderr).toBe(steps - 1);
      missed++;
      continue;
    }
    console.log(
      `${out}: rank ${rank} ${after.ms.toFixed(0)} ms after step ${after.step} of ${steps}; ended within ${seconds.toFixed(1)} s`,
    );
    expect(done.stderr).toMatch(new RegExp(`rank ${rank} on \\S+ was ended by signal 9`));
    expect(seconds).toBeLessThan(10);
    hits++;
  }
});

const isRoot = process.getuid?.() === 0;

/** Two machines made of network namespaces, an address each; what would be ssh is a step from one into the other. */
describe.skipIf(!isRoot)('two machines', () => {
  const [a, b] = ['understudy-a', 'understudy-b'];
  const [addressA, addressB] = ['10.231.0.1', '10.231.0.2'];
  const ip = (...args: readonly string[]) => execFileSync('ip', args);
  const agent = join(dir, 'agent.sh');

  beforeAll(() => {
    for (const name of [a, b]) ip('netns', 'add', name);
    ip('link', 'add', 'us-a', 'type', 'veth', 'peer', 'name', 'us-b');
    for (const [name, link, address] of [
      [a, 'us-a', addressA],
      [b, 'us-b', addressB],
    ] as const) {
      ip('link', 'set', link, 'netns', name);
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', link);
      for (const up of ['lo', link]) ip('-n', name, 'link', 'set', up, 'up');
    }
    const script = `#!/bin/sh
host=$1; shift
case $host in ${addressA}|${a}) name=${a};; *) name=${b};; esac
exec ip netns exec $name unshare --uts sh -c "hostname $name; $*"
`;
    writeFileSync(agent, script);
    chmodSync(agent, 0o755);
  });
  afterAll(() => {
    for (const name of [a, b]) ip('netns', 'del', name);
  });

  /** `launch` on the first machine. */
  function launched(flags: string, out: string, watch?: Parameters<typeof ownProcess>[2]): Promise<Finished> {
    const words = [
      'launch',
      '--ranks',
      '2',
      '--hosts',
      `${addressA},${addressB}`,
      ...flags.split(' ').filter(Boolean),
      '--',
      ...command(out),
    ];
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const line = `hostname ${a}; export OMPI_MCA_plm_rsh_agent=${agent}; exec ${process.execPath} ${MAIN} ${quoted}`;
    return ownProcess(dir, ['netns', 'exec', a, 'unshare', '--uts', 'sh', '-c', line], watch, undefined, 'ip');
  }

  it('train together, with the bits of one process', async () => {
    const done = await launched('', 'two');
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toContain(`2 ranks on 2 machines (${a}, ${b})`);
    expectSame(join(dir, 'two'), join(dir, 'alone'));
  });

  it('a pulled cable: the rank behind it is named, the job ends at the limit, and a new start gives the same bits', async () => {
    let pulled = false;
    const done = await launched('--late 3 --limit 12', 'pulled', (stderr) => {
      if (pulled || !stderr.includes('saved last of step 5:')) return;
      pulled = true;
      ip('-n', b, 'link', 'set', 'us-b', 'down');
    });
    expect(done.status, done.stderr).toBe(1);
    expect(done.stderr).toMatch(new RegExp(`warning: rank 1 on ${b} is late: the others wait since \\d+ s at "`));
    expect(done.stderr).toContain('which is the limit. The job is ended here');
    ip('-n', b, 'link', 'set', 'us-b', 'up');
    const rest = await launched('', 'pulled');
    expect(rest.status, rest.stderr).toBe(0);
    expectSame(join(dir, 'pulled'), join(dir, 'alone'));
  });
});
