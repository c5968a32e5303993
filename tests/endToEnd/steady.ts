import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { TINY_RESNET, understudy, writeDataset } from './commandLine.ts';

/** What a process holds at a step; bytes, and files that are open. */
export interface Holding {
  readonly step: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly files: number;
}

const MB = 2 ** 20;

/**
 * How much more the last part of a run may hold than the part after the warm-up. Our choice, by runs with a leak put in: undisturbed
 * medians differ by less than half of this, and what is named at each number is found.
 */
const MARGIN = {
  /** The pages of C++ and of the threads come and go. */
  rss: 24 * MB,
  heapUsed: 1 * MB,
  /** Batches, state and shared buffers: a batch kept at each step is 75 kB. */
  external: 1 * MB,
  /** A file left open at each checkpoint. */
  files: 1,
} as const;

/** Trains for so many steps, evaluating and saving every 60, with worker threads, EMA, mixed and repeated images and a teacher. */
export async function holdingsOf(dir: string, steps: number, every: number, leak = 0): Promise<Holding[]> {
  await writeDataset(join(dir, 'data'));
  const teacher = ['--model', ...TINY_RESNET, '--epochs', '1', '--batch', '8', '--out', 'teacher'];
  const made = await understudy(dir, ['train', '--data', 'data', ...teacher]);
  expect(made.status, made.stderr).toBe(0);
  const options = {
    ...{ data: join(dir, 'data'), teacher: join(dir, 'teacher'), out: join(dir, 'steady') },
    ...{ student: 'vit_pico_patch4', method: 'kd' },
    settings: {
      data: { workers: 2 },
      student: { settings: { depth: 1, width: 16, heads: 1 } },
      // Three steps an epoch.
      train: { epochs: Math.ceil(steps / 3), batch: 8, ema: 0.9, evalEvery: 20 },
      augment: { preset: 'deit' },
    },
  };
  const script = fileURLToPath(new URL('./steadyRun.mjs', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', script, JSON.stringify({ options, every, leak })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(status).toBe(0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Holding);
}

/** Medians of the third after the warm-up (the first quarter of the run) and of the last third of the rest. */
export function medians(holdings: readonly Holding[]): { early: Holding; late: Holding } {
  const rest = holdings.slice(Math.ceil(holdings.length / 4));
  const third = Math.floor(rest.length / 3);
  return { early: medianOf(rest.slice(0, third)), late: medianOf(rest.slice(-third)) };
}

/** What has grown beyond the margins, in words; empty where the run held as much at its end as at its start. */
export function growth(holdings: readonly Holding[]): string[] {
  const { early, late } = medians(holdings);
  return (Object.keys(MARGIN) as (keyof typeof MARGIN)[])
    .filter((name) => late[name] - early[name] > MARGIN[name])
    .map((name) => `${name}: ${early[name]} around step ${early.step}, ${late[name]} around step ${late.step}`);
}

function medianOf(rows: readonly Holding[]): Holding {
  const median = (name: keyof Holding) => {
    const sorted = rows.map((row) => row[name]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  };
  return {
    step: median('step'),
    rss: median('rss'),
    heapUsed: median('heapUsed'),
    external: median('external'),
    files: median('files'),
  };
}
