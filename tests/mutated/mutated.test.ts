import { expect, it } from 'vitest';
import { temporaryFolder } from '../endToEnd/commandLine.ts';
import { readMutated } from './mutated.ts';

const dir = temporaryFolder();

it('300 mutated files of every kind are read, or refused by name', async () => {
  const { tally, faults } = await readMutated({ files: 300, seed: 1, dir });
  expect(faults).toEqual([]);
  for (const [kind, { files, read, refused }] of Object.entries(tally)) {
    expect([kind, files]).toEqual([kind, read + refused]);
    // All read or all refused would say that the files are whole, or that none is looked at.
    expect(refused, kind).toBeGreaterThan(files / 10);
    expect(read, kind).toBeGreaterThan(0);
  }
});
