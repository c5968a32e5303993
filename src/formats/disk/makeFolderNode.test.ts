import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { makeFolder } from './makeFolderNode.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-folder-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const refusal = (path: string): string => {
  try {
    makeFolder(path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('wanted a refusal');
};

test('makes what is missing, and twice does no harm', () => {
  makeFolder(join(dir, 'a/b/c'));
  makeFolder(join(dir, 'a/b/c'));
  expect(statSync(join(dir, 'a/b/c')).isDirectory()).toBe(true);
});

test('names the file that is in the way', () => {
  writeFileSync(join(dir, 'file'), '');
  for (const path of [join(dir, 'file'), join(dir, 'file/x/y')]) expect(refusal(path)).toContain(join(dir, 'file'));
});

test.runIf(process.getuid?.() !== 0)('names the folder that may not be written', () => {
  makeFolder(join(dir, 'shut'));
  chmodSync(join(dir, 'shut'), 0o555);
  expect(refusal(join(dir, 'shut/a/b'))).toMatch(/shut\/a: wanted to make this folder, got EACCES: permission denied/);
});

// Node's recursive mkdir never comes back from /proc/x/y and says ENOENT on read-only file systems.
test.runIf(process.platform === 'linux')('file systems that take no folders are named, and soon', () => {
  expect(refusal('/proc/understudy/run')).toMatch(/^\/proc\/understudy: .*takes no new folders/);
  expect(refusal('/sys/understudy/run')).toMatch(
    /^\/sys\/understudy: wanted to make this folder, got E(PERM|ROFS|ACCES)/,
  );
});
