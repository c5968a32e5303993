import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lastBytes } from './lastBytes.ts';

it('reads the end of a file, and all of a shorter one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'understudy-tail-'));
  const file = join(dir, 'log');
  await writeFile(file, 'first line\nlast line\n');
  expect(await lastBytes(file, 10)).toBe('last line\n');
  expect(await lastBytes(file, 1000)).toBe('first line\nlast line\n');
  await writeFile(file, '');
  expect(await lastBytes(file, 10)).toBe('');
  await rm(dir, { recursive: true });
});
