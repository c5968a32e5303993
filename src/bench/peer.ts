import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python that has PyTorch; undefined where there is none. */
export function findTorch(): string | undefined {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
      return python;
    } catch {
      // Try the next one.
    }
  }
  return undefined;
}

/** Debian's OpenBLAS takes slow kernels on processors newer than itself; this names the AVX-512 ones where they run. */
export function tunedBlas(): Record<string, string> {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f') ? { OPENBLAS_CORETYPE: 'SkylakeX' } : {};
  } catch {
    return {};
  }
}

/** Runs a script of bench/peers and gives the JSON object that it prints. */
export async function runPeer<T>(...call: Parameters<typeof runScript>): Promise<T> {
  return JSON.parse(await runScript(...call)) as T;
}

/** Runs a script of bench/peers and gives what it prints. */
export async function runScript(
  python: string,
  script: string,
  args: readonly string[],
  environment: Record<string, string>,
): Promise<string> {
  const { stdout } = await run(python, [`bench/peers/${script}`, ...args], { env: { ...process.env, ...environment } });
  return stdout;
}

/** Runs a worker of ours in a process of its own. */
export async function runWorker<T>(worker: string, args: readonly string[]): Promise<T> {
  const path = new URL(`./${worker}.js`, import.meta.url);
  const { stdout } = await run(process.execPath, [path.pathname, ...args]);
  return JSON.parse(stdout) as T;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
