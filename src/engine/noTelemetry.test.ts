import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const home = mkdtempSync(join(tmpdir(), 'understudy-home-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** In a process of its own: the variable is read once, when ONNX Runtime makes its first session. */
const SESSION = `
import { ortNode } from './dist/engine/ortNode.js';
import { input } from './dist/graph/build.js';
import { add } from './dist/ops/elementwise.js';
import { closeProgram } from './dist/program/program.js';
await ortNode().compile(closeProgram({ y: add(input('x', [1]), 1) }));
console.log(process.env.ORT_DISABLE_TELEMETRY);
`;

it('a session leaves nothing in the user folders, and says nothing of what could not be sent', () => {
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...env } = process.env;
  const found = spawnSync(process.execPath, ['--input-type=module', '-e', SESSION], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...env, HOME: home },
    encoding: 'utf8',
  });
  expect([found.stdout, found.stderr]).toEqual(['1\n', '']);
  expect(readdirSync(home)).toEqual([]);
});
