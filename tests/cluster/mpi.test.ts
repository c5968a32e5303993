import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { MPICH, OPEN_MPI } from '../systemPackages.ts';

const BUILD = new URL('../../dist/cluster/', import.meta.url).href;

/** What one rank does: joins, and says what its transport does not keep of what it promises. */
const JOIN = `
  const { openMpi } = await import('${BUILD}mpiNode.js');
  const { rankPlace } = await import('${BUILD}environment.js');
  const { brokenPromises } = await import('${BUILD}contract.js');
  try {
    const transport = await openMpi({ place: rankPlace(process.env), env: process.env, library: process.env.LIBRARY });
    const broken = await brokenPromises(transport);
    console.log(JSON.stringify([transport.name.split(' ')[0], transport.rank, broken]));
    await transport.close();
  } catch (error) {
    console.log(JSON.stringify(error.message));
  }`;

/** Each rank's line. */
function ranks(launcher: string, count: number, env: Record<string, string> = {}): Promise<unknown[]> {
  const args = ['-np', String(count), process.execPath, '--input-type=module', '-e', JOIN];
  const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const patient = { OMPI_MCA_mpi_yield_when_idle: '1', OMPI_MCA_rmaps_base_oversubscribe: '1' };
  const child = spawn(launcher, args, { env: { ...process.env, ...asRoot, ...patient, ...env } });
  let told = '';
  child.stdout.on('data', (bytes) => (told += bytes));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () =>
      resolve(
        told
          .trim()
          .split('\n')
          .sort()
          .map((line) => JSON.parse(line)),
      ),
    );
  });
}

describe.skipIf(OPEN_MPI.find() === undefined)('Open MPI', () => {
  it('keeps what a transport promises, on three ranks', async () => {
    expect(await ranks('mpirun.openmpi', 3)).toEqual([0, 1, 2].map((rank) => ['Open', rank, []]));
  });

  it('refuses what it cannot join: the library of another MPI, and one that is none', async () => {
    const [one] = await ranks('mpirun.openmpi', 2, { LIBRARY: 'libm.so.6' });
    expect(one).toMatch(/no library of MPI can be loaded: libm\.so\.6 .*UNDERSTUDY_MPI$/);
    if (MPICH.find() === undefined) return;
    const [other] = await ranks('mpirun.openmpi', 2, { LIBRARY: 'libmpich.so.12' });
    expect(other).toMatch(/wanted rank \d of 2, which Open MPI's mpirun started, got rank 0 of 1: .* another MPI/);
  });
});

describe.skipIf(MPICH.find() === undefined)('MPICH', () => {
  it('keeps what a transport promises, on two ranks', async () => {
    expect(await ranks('mpirun.mpich', 2)).toEqual([0, 1].map((rank) => ['MPICH', rank, []]));
  });
});
