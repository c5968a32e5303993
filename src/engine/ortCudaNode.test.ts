import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { constant } from '../graph/build.ts';
import { UserError } from '../graph/errors.ts';
import { closeProgram } from '../program/program.ts';
import { computedOn, engineFor } from './engineForNode.ts';
import { checkCuda, ortCuda } from './ortCudaNode.ts';

const LINE = /\n {2}ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node\n/;

function runtimeWith(...files: string[]): string {
  const bin = mkdtempSync(join(tmpdir(), 'understudy-cuda-'));
  mkdirSync(join(bin, 'linux/x64'), { recursive: true });
  for (const file of files) writeFileSync(join(bin, 'linux/x64', file), '');
  return bin;
}

test('without the files of CUDA the line that installs them is told, and what is missing', () => {
  expect(() => checkCuda(runtimeWith(), 'linux/x64')).toThrow(LINE);
  const half = runtimeWith('libonnxruntime_providers_shared.so');
  expect(() => checkCuda(half, 'linux/x64')).toThrow(/got none of libonnxruntime_providers_cuda\.so\./);
  expect(() => checkCuda(half, 'linux/x64')).toThrow(UserError);
});

test('elsewhere than on Linux there are none to install', () => {
  expect(() => checkCuda(runtimeWith(), 'darwin/arm64')).toThrow(/wanted Linux on x64, .* got darwin\/arm64/);
});

const bothFiles = () => runtimeWith('libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so');

test('with the files it is an engine of its own, as the device says', () => {
  expect(() => checkCuda(bothFiles(), 'linux/x64')).not.toThrow();
  expect(computedOn('cuda', 'auto')).toBe('cuda');
  expect(engineFor('cpu', {}).name).toBe('ort-node-cpu');
});

/** Whether the files are those of this machine's runtime: then nothing fails. */
function installed(): boolean {
  try {
    return ortCuda() !== undefined;
  } catch {
    return false;
  }
}

const onLinux = process.platform === 'linux' && process.arch === 'x64';

test.runIf(onLinux && !installed())('a runtime that cannot open CUDA is an error of one line', async () => {
  const engine = ortCuda(bothFiles());
  expect(engine.name).toBe('ort-node-cuda');
  expect(engine.lanes).toBeUndefined();
  const program = closeProgram({ one: constant({ dtype: 'float32', shape: [1], data: [1] }) });
  const compiling = Promise.resolve(engine.compile(program));
  await expect(compiling).rejects.toThrow(UserError);
  await expect(compiling).rejects.toThrow(/^device cuda: wanted a GPU with CUDA 12.*got: .*Compute on cpu or webgpu/);
});
