import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EMULATES, emulatorPath } from '../src/bench/emulatorNode.ts';

/** Something of the operating system that some tests need, and npm does not bring. */
export interface SystemPackage {
  /** What needs it. */
  readonly tests: string;
  /** Debian's packages of it. */
  readonly debian: readonly string[];
  /** Where it is here; undefined where it is not, or not whole. */
  readonly find: () => string | undefined;
}

const firstThere = (paths: readonly string[]): string | undefined => paths.find((path) => existsSync(path));

const onPath = (name: string): string | undefined =>
  firstThere((process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)));

const VULKAN = 'libvulkan.so.1';

/** The loader lies in a folder of the processor's name on Debian, in another one elsewhere. */
function vulkanLoader(): string | undefined {
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'].filter((folder) => existsSync(folder));
  const below = folders.flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))]);
  return firstThere(below.map((folder) => join(folder, VULKAN)));
}

/** The software driver that Debian's chromium brings: slow, and enough to prove the numbers without a GPU. */
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';

export const CHROMIUM: SystemPackage = {
  tests: 'browser tests',
  debian: ['chromium'],
  find: () => firstThere(['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']),
};

export const VULKAN_DRIVER: SystemPackage = {
  tests: 'tests of WebGPU in Node',
  debian: ['chromium', 'libvulkan1'],
  find: () => (vulkanLoader() ? firstThere([process.env.VK_ICD_FILENAMES ?? DRIVER]) : undefined),
};

export const ONNX_TESTS: SystemPackage = {
  tests: "the ONNX project's own tests of operators",
  debian: ['libonnx-testdata'],
  find: () => firstThere(['/usr/share/libonnx-testdata/data']),
};

/** Emulates AVX2 and no AVX-512, whatever the processor under it. */
export const EMULATOR: SystemPackage = {
  tests: '8 bits on an emulated processor',
  debian: ['qemu-user'],
  find: emulatorPath,
};

/** Its library comes with its launcher. */
export const OPEN_MPI: SystemPackage = {
  tests: 'trainings on several ranks',
  debian: ['openmpi-bin', 'libopenmpi3'],
  find: () => onPath('mpirun.openmpi'),
};

export const MPICH: SystemPackage = {
  tests: 'ranks of MPICH',
  debian: ['mpich', 'libmpich12'],
  find: () => onPath('mpirun.mpich'),
};

const ALL = [CHROMIUM, VULKAN_DRIVER, ONNX_TESTS, OPEN_MPI, MPICH, ...(EMULATES ? [EMULATOR] : [])];

export const missing = (packages: readonly SystemPackage[] = ALL): SystemPackage[] =>
  packages.filter(({ find }) => find() === undefined);

/** A server that does not answer must not keep the tests from beginning. */
const PATIENCE = {
  timeout: 300_000,
  encoding: 'utf8',
  env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
} as const;

/** Why apt-get did not do it; undefined where it did. */
function refusal(...args: readonly string[]): string | undefined {
  const once = ['-o', 'Acquire::Retries=0', '-o', 'Acquire::http::Timeout=20'];
  const { status, stderr, error } = spawnSync('apt-get', [...once, ...args], PATIENCE);
  if (status === 0) return undefined;
  const said = (stderr ?? '').trim().split('\n').at(-1);
  return `apt-get ${args[0]}: ${error?.message ?? said}`;
}

/** Installs where the user may: each package whole, one that cannot be had keeps no other away. Gives the reasons of what failed. */
function install(lacking: readonly SystemPackage[]): (wanted: SystemPackage) => string {
  if (process.getuid?.() !== 0) return () => 'installing takes root';
  if (!onPath('apt-get')) return () => 'there is no apt-get';
  console.info(`installing what tests need: ${[...new Set(lacking.flatMap(({ debian }) => debian))].join(', ')}`);
  const update = refusal('update');
  if (update) return () => update;
  const reasons = new Map(
    lacking.map((wanted) => [wanted, refusal('install', '-y', '--no-install-recommends', ...wanted.debian)]),
  );
  return (wanted) => reasons.get(wanted) ?? 'the packages are installed and have no such file';
}

/**
 * Before the first test: what tests need of the system is there whole, or a line for each says what is skipped, and why. In CI
 * nothing is skipped: there it is an error.
 */
export default function preparePackages(): void {
  const lacking = missing();
  if (lacking.length === 0) return;
  const why = install(lacking);
  const lines = missing(lacking).map(
    (wanted) => `skipped: ${wanted.tests} (${why(wanted)}; they need: apt-get install ${wanted.debian.join(' ')})`,
  );
  if (lines.length === 0) return;
  if (process.env.CI) throw new Error(`in CI no tests are skipped, and these would be:\n${lines.join('\n')}`);
  for (const line of lines) console.warn(line);
}
