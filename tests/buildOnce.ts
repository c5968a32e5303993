import { spawnSync } from 'node:child_process';

/**
 * Worker threads and the command line run from dist/, so the tests build it first: a stale build is never tested. The
 * compiler emits in spite of type errors, and those are `npm run typecheck`'s to report.
 */
export default function buildOnce(): void {
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (status !== 0) console.warn(`the build has type errors:\n${stdout}`);
}
