import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python that has PyTorch. */
export interface Torch {
  readonly python: string;
  readonly version: string;
  /** The library of its matrix products, as far as its file tells: openblas, mkl, blis, or `reference`, which is many times slower. */
  readonly blas: string;
}

/** Of the libraries that PyTorch has loaded. Wheels bring MKL or OpenBLAS inside their own libraries. */
const LOOK = `
import json, re, torch
maps = open('/proc/self/maps').read() if __import__('os').path.exists('/proc/self/maps') else ''
built = (re.search(r'BLAS_INFO=(\\w+)', torch.__config__.show()) or ['', ''])[1]
found = next((n for n in ('openblas', 'mkl', 'blis') if n in maps.lower()), None)
print(json.dumps(dict(version=torch.__version__, blas=found or ('reference' if 'libblas' in maps else built or 'unknown'))))
`;

/** Undefined where there is none. */
export function findTorch(): Torch | undefined {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      const told = execFileSync(python, ['-c', LOOK], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      return { python, ...(JSON.parse(told) as Omit<Torch, 'python'>) };
    } catch {
      // Try the next one.
    }
  }
  return undefined;
}

/** The PyTorch whose speed ours is held against, or why there is none: on the reference BLAS its figures would say nothing. */
export function peerTorch(found = findTorch()): { readonly torch?: Torch; readonly skipped: readonly string[] } {
  if (!found) return { skipped: ['pytorch: python3-torch is not installed'] };
  if (found.blas !== 'reference') return { torch: found, skipped: [] };
  return {
    skipped: [
      'pytorch: it multiplies by the reference BLAS, ten times slower than OpenBLAS: apt-get install libopenblas0',
    ],
  };
}

/** Whether the processor multiplies bfloat16 itself; elsewhere PyTorch emulates it, a hundred times slower. */
export function hasBf16(cpuinfo = readCpuinfo()): boolean {
  return /\b(avx512_bf16|amx_bf16|avx_ne_convert|bf16)\b/.test(cpuinfo);
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}

/** Debian's OpenBLAS takes slow kernels on processors newer than itself; this names the AVX-512 ones where they run. */
export function tunedBlas(): Record<string, string> {
  return readCpuinfo().includes('avx512f') ? { OPENBLAS_CORETYPE: 'SkylakeX' } : {};
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
