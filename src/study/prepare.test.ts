import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { Claims } from '../formats/disk/claimsNode.ts';
import { oneAtATime, preparedSets } from './prepare.ts';

test('one set goes to the folder of the runs, several each to its own', () => {
  expect(preparedSets(undefined, 'images')).toEqual([]);
  expect(preparedSets('mnist', 'images')).toEqual([['mnist', 'images']]);
  expect(preparedSets({ fashion: 'a', mnist: 'b' }, 'images')).toEqual([
    ['fashion', 'a'],
    ['mnist', 'b'],
  ]);
});

test('processes that begin together: one writes the images, the others find them', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'prepare-'));
  const images = join(dir, 'images');
  let written = 0;
  const write = async () => {
    if (existsSync(images)) return;
    await replaceFolderAtomic(images, async () => {
      written++;
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
  };
  await Promise.all([1, 2, 3].map(() => oneAtATime(images, new Claims(), write)));
  expect([written, readdirSync(dir)]).toEqual([1, ['images']]);
  rmSync(dir, { recursive: true });
});
