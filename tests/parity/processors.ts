import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { emulator } from '../../src/bench/emulatorNode.ts';

/** A processor and a runtime on it, on which `runModels.mjs` runs. */
export interface Processor {
  readonly name: string;
  readonly runtime: 'onnxruntime-node' | 'onnxruntime-web';
  /** What Node and its arguments are given to. */
  readonly emulator: readonly string[];
}

/** A model and what its inputs are. */
export interface Job {
  readonly name: string;
  readonly model: Uint8Array;
  readonly feeds: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly number[];
  }[];
}

/** Values by job and by output. */
export type Answers = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export function processors(): Processor[] {
  const [own, emulated] = [cpus()[0]?.model.trim() ?? process.arch, emulator()];
  return [
    { name: own, runtime: 'onnxruntime-node', emulator: [] },
    { name: `WebAssembly on ${own}`, runtime: 'onnxruntime-web', emulator: [] },
    ...(emulated ? [{ name: emulated.name, runtime: 'onnxruntime-node' as const, emulator: emulated.command }] : []),
  ];
}

/** What the models give on a processor. */
export async function runOn({ runtime, emulator }: Processor, jobs: readonly Job[]): Promise<Answers> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-jobs-'));
  try {
    const file = join(folder, 'jobs.json');
    const encoded = jobs.map((job) => ({ ...job, model: Buffer.from(job.model).toString('base64') }));
    writeFileSync(file, JSON.stringify(encoded));
    const script = join(import.meta.dirname, 'runModels.mjs');
    const [command, ...args] = [...emulator, process.execPath, script, runtime, file];
    const { stdout } = await promisify(execFile)(command!, args, { maxBuffer: 2 ** 28 });
    return JSON.parse(stdout) as Answers;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
