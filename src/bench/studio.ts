import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../graph/errors.ts';
import { largest, smallest } from '../graph/lists.ts';
import { idOf } from '../studio/library/scan.ts';
import { type MetricRow, parseMetricRows } from '../train/loggers/metricRow.ts';
import { median } from './peer.ts';
import { makePhotos } from './photos.ts';
import { findChromium } from './tabNode.ts';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));
/** Seconds of a window, and those before it in which what was opened or closed settles. */
const [WINDOW, SETTLE] = [10, 5];
const IMAGES = 64;
/** Rows after which a run has warmed up. */
const WARM = 50;

export interface StudioBench {
  readonly model: string;
  readonly batch: number;
  readonly rounds: number;
  /** Images a second of one training run while the studio's page shows it, and while no page is open; medians over the rounds. */
  readonly open: number;
  readonly closed: number;
  /** Open over closed: the median of the rounds' ratios, each of windows in the order closed, open, open, closed; and the range. */
  readonly ratio: number;
  readonly range: readonly [number, number];
  /** Processor seconds a second of the studio's server and of the browser with all its processes; null where the system does not tell. */
  readonly server: Cores | null;
  readonly browser: Cores | null;
}

interface Cores {
  readonly open: number;
  readonly closed: number;
}

interface Window {
  readonly open: boolean;
  readonly rate: number;
  readonly server: number;
  readonly browser: number;
}

/** A run that goes on, watched in Chromium and not, in turn. The studio's server is there all the time, and so is the browser. */
export async function benchStudio(model: string, batch: number, rounds: number): Promise<StudioBench> {
  const executablePath = findChromium();
  if (!executablePath) throw new UserError('bench studio: wanted Chromium (Debian: chromium), got none');
  const { chromium } = await import('playwright-core');
  const dir = await mkdtemp(join(tmpdir(), 'understudy-studio-'));
  const photos = await makePhotos(IMAGES);
  await rename(photos.dir, join(dir, 'photos'));
  const training = begin(dir, trainArgs(model, batch));
  const studio = begin(dir, ['studio', '.', '--port', '0']);
  try {
    const [line] = (await once(studio.stdout!.setEncoding('utf8'), 'data')) as [string];
    const address = line.trim();
    const shown = new URL(`/runs/${idOf('run', 'run')}`, address).href;
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      await page.goto(address);
      await warm(dir, training);
      const windows: Window[][] = [];
      for (let round = 0; round < rounds; round++) {
        const own: Window[] = [];
        for (const open of [false, true, true, false]) {
          await page.goto(open ? shown : 'about:blank');
          if (open) await page.locator('.plot canvas').first().waitFor({ timeout: 60_000 });
          await sleep(SETTLE * 1000);
          own.push({ open, ...(await measured(dir, batch, studio.pid!)) });
        }
        windows.push(own);
      }
      return { model, batch, rounds, ...compared(windows) };
    } finally {
      await browser.close();
    }
  } finally {
    for (const child of [training, studio]) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

const trainArgs = (model: string, batch: number): string[] => [
  ...['train', '--data', 'photos', '--model', model, '--out', 'run', '--batch', String(batch), '--epochs', '1000000'],
  ...['--set', 'student.imageSize=32', '--set', 'train.evalEvery=1000000', '--set', 'data.cache=memory'],
];

const begin = (cwd: string, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [MAIN, ...args], {
    cwd,
    stdio: ['ignore', args[0] === 'studio' ? 'pipe' : 'ignore', 'ignore'],
  });

const rowsOf = (dir: string): MetricRow[] => {
  const path = join(dir, 'run/metrics.jsonl');
  return existsSync(path) ? parseMetricRows(readFileSync(path, 'utf8')).filter((row) => 'train/loss' in row) : [];
};

async function warm(dir: string, training: ChildProcess): Promise<void> {
  while (rowsOf(dir).length < WARM) {
    if (training.exitCode !== null) throw new UserError(`bench studio: the run ended with status ${training.exitCode}`);
    await sleep(500);
  }
}

async function measured(dir: string, batch: number, server: number): Promise<Omit<Window, 'open'>> {
  const [from, used] = [Date.now(), usage(server)];
  await sleep(WINDOW * 1000);
  const now = usage(server);
  const seconds = (Date.now() - from) / 1000;
  const rows = rowsOf(dir).filter(({ time }) => time >= from && time <= from + seconds * 1000);
  const [first, last] = [rows[0]!, rows.at(-1)!];
  return {
    rate: (batch * (last.step - first.step)) / ((last.time - first.time) / 1000),
    server: (now.server - used.server) / seconds,
    browser: (now.browser - used.browser) / seconds,
  };
}

/** Processor seconds so far of the server and of the browser's processes; NaN where the system does not tell. */
function usage(server: number): { server: number; browser: number } {
  if (!existsSync('/proc/self/stat')) return { server: Number.NaN, browser: Number.NaN };
  const browsers = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isBrowser(pid));
  return { server: secondsOf(String(server)), browser: browsers.reduce((sum, pid) => sum + secondsOf(pid), 0) };
}

/** Fields of proc(5), after the command in brackets: state, parent, ... */
function fields(pid: string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Clock ticks of Linux are hundredths of a second. */
const secondsOf = (pid: string): number => {
  const found = fields(pid);
  return (Number(found[11] ?? 0) + Number(found[12] ?? 0)) / 100;
};

function isBrowser(pid: string): boolean {
  let [at, seen] = [pid, false];
  for (let depth = 0; depth < 16 && at !== '0' && at !== '1'; depth++) {
    if (at === String(process.pid)) return seen;
    try {
      seen ||= /chrom/i.test(readFileSync(`/proc/${at}/cmdline`, 'utf8'));
    } catch {
      return false;
    }
    at = fields(at)[1] ?? '0';
  }
  return false;
}

function compared(rounds: readonly (readonly Window[])[]): Omit<StudioBench, 'model' | 'batch' | 'rounds'> {
  const all = (key: 'rate' | 'server' | 'browser', open: boolean) =>
    rounds.map((windows) => mean(windows.filter((one) => one.open === open).map((one) => one[key])));
  const [open, closed] = [all('rate', true), all('rate', false)];
  const ratios = open.map((rate, i) => rate / closed[i]!);
  const cores = (key: 'server' | 'browser'): Cores | null => {
    const found = { open: median(all(key, true)), closed: median(all(key, false)) };
    return Number.isNaN(found.open) ? null : found;
  };
  return {
    ...{ open: median(open), closed: median(closed) },
    ...{ ratio: median(ratios), range: [smallest(ratios), largest(ratios)] },
    ...{ server: cores('server'), browser: cores('browser') },
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
