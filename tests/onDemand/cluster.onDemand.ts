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

let span = 0;
beforeAll(async () => {
  await prepareWhole(dir);
  const began = performance.now();
  const alone = await understudy(dir, command('alone'));
  span = performance.now() - began;
  expect(alone.status, alone.stderr).toBe(0);
});

it(`a rank that is killed at ${KILLS} random moments (KILLS=${KILLS} SEED=${SEED}) is named within 10 s, and a new start gives the same bits`, async () => {
  const random = stream('kill a rank', SEED);
  for (let kill = 0; kill < KILLS; kill++) {
    const [out, rank, after] = [`killed-${kill}`, random.below(2), random.uniform() * span];
    let killed = 0;
    const args = ['launch', '--ranks', '2', '--max-restarts', '1', '--', ...command(out)];
    let seconds = Number.NaN;
    const done = await ownProcess(dir, args, (stderr, _, pid) => {
      if (killed === 0 && stderr.includes('saved last of step 0:')) {
        killed = -1;
        setTimeout(() => {
          process.kill(rankBelow(pid, rank), 'SIGKILL');
          killed = performance.now();
        }, after);
      }
      if (killed > 0 && Number.isNaN(seconds) && stderr.includes('the job has ended'))
        seconds = (performance.now() - killed) / 1000;
    });
    console.log(`${out}: rank ${rank} after ${(after / 1000).toFixed(1)} s; ended within ${seconds.toFixed(1)} s`);
    expect(done.status, done.stderr).toBe(0);
    if (killed > 0) {
      expect(done.stderr).toMatch(new RegExp(`rank ${rank} on \\S+ was ended by signal 9`));
      expect(seconds).toBeLessThan(10);
    }
    expectSame(join(dir, out), join(dir, 'alone'));
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
    const done = await launched('--late 1 --limit 4', 'pulled', (stderr) => {
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
