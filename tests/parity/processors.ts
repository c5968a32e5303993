import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { EMULATES, EMULATOR } from '../systemPackages.ts';

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

/** Why none of `processors` is emulated. */
export const NOT_EMULATED = EMULATES
  ? `Debian's package ${EMULATOR.debian.join(', ')} is not installed`
  : 'only Linux on x64 emulates one';

export function processors(): Processor[] {
  const found = EMULATES ? EMULATOR.find() : undefined;
  const own = cpus()[0]?.model.trim() ?? process.arch;
  return [
    { name: own, runtime: 'onnxruntime-node', emulator: [] },
    { name: `WebAssembly on ${own}`, runtime: 'onnxruntime-web', emulator: [] },
    ...(found === undefined
      ? []
      : [{ name: emulated(found), runtime: 'onnxruntime-node' as const, emulator: [found, '-cpu', 'max'] }]),
  ];
}

function emulated(path: string): string {
  const [version] = /\d+(\.\d+)+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' })) ?? [];
  return `AVX2 without AVX-512 (${basename(path)} ${version})`;
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
