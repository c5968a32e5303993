import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, expect } from 'vitest';
import { stream } from '../../src/random/stream.ts';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  /** Exit status; null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the command line that users run. `watch` sees stderr so far, and may signal the process; `killAfter` ms it is killed. Without
 * them only the answer is asked for: it comes from a process that this file's other commands share.
 */
export function understudy(
  cwd: string,
  args: readonly string[],
  watch?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void,
  killAfter?: number,
): Promise<Finished> {
  return watch === undefined && killAfter === undefined ? shared(cwd, args) : ownProcess(cwd, args, watch, killAfter);
}

/** The same in a process of its own, as users start it. `through`: a program that starts it in place of Node, with all its arguments. */
export function ownProcess(
  cwd: string,
  args: readonly string[],
  watch?: (stderr: string, kill: (signal: NodeJS.Signals) => void, pid: number) => void,
  killAfter?: number,
  through?: string,
): Promise<Finished> {
  const [program, given] = through === undefined ? [process.execPath, [MAIN, ...args]] : [through, args];
  const child = spawn(program, given, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    watch?.(stderr, (signal) => child.kill(signal), child.pid!);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout, stderr });
    });
  });
}

const SERVER = fileURLToPath(new URL('./commandServer.mjs', import.meta.url));
let server: ChildProcess | undefined;
let busy = false;

/** To load the program is half of a short command's time: it is loaded once for all commands of a file that come one after the other. */
async function shared(cwd: string, args: readonly string[]): Promise<Finished> {
  if (busy) return ownProcess(cwd, args);
  busy = true;
  const done = new AbortController();
  try {
    server ??= fork(SERVER, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const answer = once(server, 'message', done) as Promise<Finished[]>;
    const ended = once(server, 'exit', done).then(([status]) => {
      server = undefined;
      throw new Error(`understudy ${args.join(' ')} ended the process that it shares, with ${status}`);
    });
    for (const promise of [answer, ended]) promise.catch(() => undefined);
    server.send({ cwd, args, env: process.env });
    const [found] = await Promise.race([answer, ended]);
    return found!;
  } finally {
    done.abort();
    busy = false;
  }
}

/** An empty folder that goes after the tests of the file. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-cli-'));
  afterAll(async () => {
    if (server?.connected) {
      const gone = once(server, 'exit');
      server.disconnect();
      await gone;
    }
    server = undefined;
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

const COLOURS: Readonly<Record<string, readonly number[]>> = {
  blue: [40, 60, 200],
  green: [40, 190, 60],
  red: [210, 50, 40],
  yellow: [220, 200, 30],
};

/** Writes `count` noisy 16 px PNGs of a class's colour to `dir/<class>/`. */
export async function writeClass(dir: string, name: string, count: number, seed = 0): Promise<void> {
  mkdirSync(join(dir, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    const random = stream('test image', seed, name, i);
    const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => COLOURS[name]![at % 3]! + random.below(81) - 40);
    await sharp(data, { raw: { width: 16, height: 16, channels: 3 } })
      .png()
      .toFile(join(dir, name, `${i}.png`));
  }
}

/** A data set of three classes: 8 training and 4 validation images each. */
export async function writeDataset(dir: string, classes: readonly string[] = ['blue', 'green', 'red']): Promise<void> {
  for (const name of classes) {
    await writeClass(join(dir, 'train'), name, 8);
    await writeClass(join(dir, 'val'), name, 4, 1);
  }
}

/** Everything below a folder, with a digest of each file's bytes. */
export function contents(dir: string): string[] {
  const entries = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  return entries.map((path) => {
    const full = join(dir, path);
    if (statSync(full).isDirectory()) return `${path}/`;
    return `${path} ${createHash('sha256').update(readFileSync(full)).digest('hex')}`;
  });
}

/** What runs a command in `dir` that must succeed and gives the one JSON value that it prints. */
export function jsonIn(dir: string) {
  return async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await understudy(dir, [...args, '--json']);
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as T;
  };
}

/**
 * What says of a command that it is refused in words: with this status, each part of the message, no stack trace and an
 * untouched disk below `dir`.
 */
export function refusalsIn(dir: string) {
  return async (args: readonly string[], status: number, ...parts: (string | RegExp)[]): Promise<void> => {
    const before = contents(dir);
    const found = await understudy(dir, args);
    expect(found.stdout).toBe('');
    for (const part of parts) expect(found.stderr).toMatch(part);
    expect(found.stderr).not.toMatch(/^\s+at |report it with/m);
    expect(found.status).toBe(status);
    expect(contents(dir)).toEqual(before);
  };
}

/** The smallest models that learn these images. */
export const TINY_VIT = ['vit_pico_patch4', '--set', 'student.settings={"depth":1,"width":16,"heads":1}'];
export const TINY_RESNET = ['resnet8_small', '--set', 'student.settings={"depths":[1,1,1],"widths":[4,8,8]}'];

/** Trains the smallest teacher on the folder `data`, in a second. */
export const TINY_TEACHER = [
  ...['train', '--data', 'data', '--epochs', '1', '--batch', '8', '--out', 'teacher'],
  ...['--model', ...TINY_RESNET],
];
