import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { largest, smallest } from '../src/graph/lists.ts';

/** What a build is made of, and one file of each of its parts: the compiler's, the two pages', the browser's module. */
const SOURCES = ['src', 'web', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
const BUILT = [
  'dist/cli/main.js',
  'dist/web/tab/index.html',
  'dist/web/studio/index.html',
  'dist/web/module/licences.md',
];

/**
 * Worker threads and the command line run from dist/, so the tests build it first: a stale build is never tested. One that is newer
 * than all that it is made of is taken as it is, as after `npm ci`. The compiler emits in spite of type errors, and those are
 * `npm run typecheck`'s to report.
 */
export default function buildOnce(): void {
  if (BUILT.every((file) => existsSync(file)) && largest(SOURCES.map(changed)) < smallest(BUILT.map(written))) return;
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (status !== 0) console.warn(`the build has type errors:\n${stdout}`);
}

const written = (path: string): number => statSync(path).mtimeMs;

/** When any file below a path changed last. Folders do not count: a build puts files of its own into some and takes them away. */
function changed(path: string): number {
  const own = statSync(path);
  return own.isDirectory() ? largest(readdirSync(path).map((name) => changed(join(path, name)))) : own.mtimeMs;
}
