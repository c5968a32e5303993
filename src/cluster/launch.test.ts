import { expect, it } from 'vitest';
import { Noise } from './launcherNoise.ts';
import { launcherArguments } from './launchNode.ts';

const command = ['node', 'main.js', 'distill'];

it('Open MPI is given hosts with their part of the ranks, and what training needs of it', () => {
  const args = launcherArguments('openMpi', { ranks: 5, hosts: ['a', 'b'], command, variables: { LATE: '3' } }).join(
    ' ',
  );
  expect(args).toMatch(
    /^-np 5 .*--mca mpi_yield_when_idle 1 .*--host a:3,b:3 .*oob_tcp_keepalive_time 10 .*-x LATE node main\.js distill$/,
  );
  expect(args).not.toContain('btl_tcp_if_include');
  const alone = launcherArguments('openMpi', { ranks: 2, hosts: [], command, variables: {} }).join(' ');
  expect(alone).toMatch(/--mca btl_tcp_if_include lo node main\.js distill$/);
  expect(alone).not.toContain('--host');
});

it('the launcher of MPICH has other flags for the same', () => {
  expect(launcherArguments('hydra', { ranks: 4, hosts: ['a', 'b'], command, variables: { LATE: '3' } })).toEqual([
    ...['-n', '4', '-hosts', 'a:2,b:2', '-genvlist', 'LATE', ...command],
  ]);
});

function heard(text: string) {
  const told: string[] = [];
  const noise = new Noise((line) => told.push(line));
  // In pieces, as a pipe gives them.
  for (let at = 0; at < text.length; at += 7) noise.take(text.slice(at, at + 7));
  noise.end();
  return { told, lost: noise.lost, ending: noise.ending };
}

const RULE = '-'.repeat(74);

it("the launcher's own words are left out, but for who was lost and what it cannot do", () => {
  const lost = `${RULE}\nPrimary job  terminated normally, but 1 process returned\na non-zero exit code.\n${RULE}\nstep 3\n${RULE}\nmpirun noticed that process rank 1 with PID 0 on node a exited on signal 9 (Killed).\n${RULE}\n`;
  expect(heard(lost)).toEqual({ told: ['step 3'], lost: 'rank 1 on a was ended by signal 9 (Killed)', ending: false });
  const refused = `${RULE}\nThere are not enough slots available\nin the system\n${RULE}`;
  expect(heard(refused).told).toEqual(['There are not enough slots available', 'in the system']);
  expect(heard('warning: rank 1 is late. The job is ended here; go on').ending).toBe(true);
});

it('MPICH says where a rank was lost', () => {
  const text = `=====\n=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES\n=   PID 31 RUNNING AT b\n=   EXIT CODE: 9\n=====\nerror: so`;
  expect(heard(text)).toEqual({ told: ['error: so'], lost: 'a rank on b was lost', ending: false });
});
