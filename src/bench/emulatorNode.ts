import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

/** qemu-user runs the programs of the Linux that it is installed on. */
export const EMULATES = process.platform === 'linux' && process.arch === 'x64';

/** Why there is no emulated processor, where there is none. */
export const NOT_EMULATED = EMULATES ? "Debian's package qemu-user is not installed" : 'only Linux on x64 emulates one';

export interface Emulator {
  readonly name: string;
  /** What a command and its arguments are given to. */
  readonly command: readonly string[];
}

/** Where the emulator is; undefined where it is not. */
export function emulatorPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return EMULATES ? folders.map((folder) => join(folder, 'qemu-x86_64')).find((path) => existsSync(path)) : undefined;
}

/** A processor with AVX2 and no AVX-512, whatever there is under it. */
export function emulator(): Emulator | undefined {
  const path = emulatorPath();
  if (path === undefined) return undefined;
  const [version] = /\d+(\.\d+)+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' })) ?? [];
  return { name: `AVX2 without AVX-512 (${basename(path)} ${version})`, command: [path, '-cpu', 'max'] };
}
