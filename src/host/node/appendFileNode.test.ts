import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { UserError } from '../../graph/errors.ts';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  // A full disk takes a part of what is written before it refuses.
  const writeFileSync: typeof fs.writeFileSync = (file, data, options) => {
    if (!disk.full) return fs.writeFileSync(file, data, options);
    fs.writeFileSync(file, (data as Uint8Array).subarray(0, 3));
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  return { ...fs, writeFileSync };
});
const { openAppendFile } = await import('./appendFileNode.ts');

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'append-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('goes on behind what is there, also after a full disk, which leaves no half line', async () => {
  const path = join(dir, 'f');
  await writeFile(path, 'old\n');
  const file = openAppendFile(path);
  file.append('é1\n');
  disk.full = true;
  expect(() => file.append('lost line\n')).toThrow(UserError);
  expect(() => file.append('lost line\n')).toThrow(
    `${path}: wanted to append to it, got ENOSPC: no space left on device`,
  );
  disk.full = false;
  file.append(new TextEncoder().encode('2\n'));
  await file.sync();
  await file.close();
  await file.close();
  expect(await readFile(path, 'utf8')).toBe('old\né1\n2\n');
});

test('makes the folder; `ax` refuses a file that is there', async () => {
  const path = join(dir, 'sub/f');
  await openAppendFile(path, 'ax').close();
  expect(await readFile(path, 'utf8')).toBe('');
  expect(() => openAppendFile(path, 'ax')).toThrow(`${path}: wanted to open it, got EEXIST`);
});

test.runIf(existsSync('/dev/full'))('a real full device says so, although it cannot be cut back', () => {
  expect(() => openAppendFile('/dev/full').append('x')).toThrow('/dev/full: wanted to append to it, got ENOSPC');
});
