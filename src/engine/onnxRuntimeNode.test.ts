import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { loadRuntime, ort } from './onnxRuntimeNode.ts';

const project = () => mkdtempSync(join(tmpdir(), 'understudy-runtime-'));
const requireFrom = (folder: string) => createRequire(join(folder, 'index.js'));

test('a project that npm left without ONNX Runtime is told the line that installs it', () => {
  const load = () => loadRuntime(requireFrom(project()));
  expect(load).toThrow(UserError);
  expect(load).toThrow(/wanted the npm package onnxruntime-node, got none[\s\S]*\n {2}npm install --ignore-scripts\n/);
});

test('a runtime that does not load on this machine is an error of one line', () => {
  const folder = project();
  const inside = join(folder, 'node_modules', 'onnxruntime-node');
  mkdirSync(inside, { recursive: true });
  writeFileSync(join(inside, 'index.js'), 'require("./bin/onnxruntime_binding.node")');
  const load = () => loadRuntime(requireFrom(folder));
  expect(load).toThrow(UserError);
  expect(load).toThrow(/^ONNX Runtime: wanted .* to load on \w+ \w+, got: Cannot find module '.*binding\.node'$/);
});

test('the one that is installed is the one that is loaded', () => {
  expect(loadRuntime(requireFrom(process.cwd()))).toBe(ort);
});
