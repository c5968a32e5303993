import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { largest, smallest } from '../graph/lists.ts';
import { median, runWorker } from './peer.ts';
import { makePhotos } from './photos.ts';
import type { WebStepTask } from './stepWorkerWeb.ts';
import { openTab, type Tab } from './tabNode.ts';
import type { WebTrainTask, WebTrainTimes } from './trainWorkerWeb.ts';

/** Of one model: batches that a page would take. */
const CASES: readonly (readonly [model: string, batch: number])[] = [
  ['vit_pico_patch4', 25],
  ['deit_tiny_patch16_224', 4],
];
const STEPS = 5;

interface Steps {
  readonly seconds: readonly number[];
  readonly peakRssMB?: number;
}

export interface BrowserRow {
  readonly model: string;
  readonly batch: number;
  /** What runs the tab's step: `wasm`, or the WebGPU adapter. */
  readonly device: string;
  readonly threads: number;
  /** Images a second of the training step in a tab and in Node with as many threads, medians over the rounds. */
  readonly tab: number;
  readonly node: number;
  /** The tab's over Node's: the median of the rounds' ratios, and the lowest and highest. */
  readonly ratio: number;
  readonly range: readonly [number, number];
  /** The most memory of the tab's process and of Node's, in MB. */
  readonly tabMB: number | null;
  readonly nodeMB: number;
}

/** The training step in WebAssembly with 1 and 2 threads, and on a real WebGPU adapter where there is one, in turn with Node's. */
export async function benchBrowser(rounds: number, models: readonly string[] = []): Promise<BrowserRow[]> {
  const rows: BrowserRow[] = [];
  for (const [model, batch] of CASES.filter(([name]) => models.length === 0 || models.includes(name))) {
    for (const threads of [1, 2]) rows.push(await row({ model, batch, steps: STEPS, device: 'wasm', threads }, rounds));
    const adapter = await inTab((tab) => tab.adapter());
    if (!adapter) continue;
    const task = { model, batch, steps: STEPS, device: 'webgpu', threads: 1 } as const;
    rows.push({ ...(await row(task, rounds)), device: adapter });
  }
  return rows;
}

async function row(task: WebStepTask, rounds: number): Promise<BrowserRow> {
  const { model, batch, steps, device, threads } = task;
  const [tab, node]: [Steps[], Steps[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    tab.push(
      await inTab(async (open) => {
        const timed = await open.run<Steps>(task);
        const peakRssMB = open.peakMB();
        return peakRssMB === undefined ? timed : { ...timed, peakRssMB };
      }),
    );
    node.push(await runWorker<Steps>('stepWorker', [model, String(batch), String(steps), `--threads=${threads}`]));
  }
  const rate = (runs: readonly Steps[]) => batch / median(runs.flatMap(({ seconds }) => seconds));
  const ratios = tab.map(({ seconds }, i) => median(node[i]!.seconds) / median(seconds));
  const peak = (runs: readonly Steps[]) => largest(runs.map(({ peakRssMB }) => peakRssMB ?? Number.NaN));
  return {
    ...{ model, batch, device, threads, tab: rate(tab), node: rate(node) },
    ...{ ratio: median(ratios), range: [smallest(ratios), largest(ratios)] },
    ...{ tabMB: tab.every((run) => run.peakRssMB !== undefined) ? peak(tab) : null, nodeMB: peak(node) },
  };
}

/** Small networks on photos: what pages train. */
const RUNS: readonly (readonly [model: string, batch: number, imageSize: number])[] = [
  ['resnet8_small', 25, 32],
  ['vit_pico_patch4', 25, 64],
];
const EPOCHS = 4;

interface Loading {
  /** Images a second in the first epoch, which decodes, and after it; medians over rounds and epochs. */
  readonly firstRate: number;
  readonly rate: number;
  /** Share of the time that steps waited for data, likewise. */
  readonly firstWait: number;
  readonly wait: number;
}

export interface LoadingRow {
  readonly model: string;
  readonly batch: number;
  readonly imageSize: number;
  readonly workers: Loading;
  /** Where the thread that trains makes the batches. */
  readonly alone: Loading;
  /** The rate with workers over that without: medians of the rounds' ratios. */
  readonly firstGain: number;
  readonly gain: number;
}

/** Runs in a tab on photos of 500 x 375 px, whose batches web workers make, in turn with runs that make them themselves. */
export async function benchBrowserLoading(rounds: number, count: number): Promise<LoadingRow[]> {
  const photos = await makePhotos(count);
  try {
    const byClass = Object.fromEntries(
      readdirSync(photos.dir).map((name) => [
        name,
        readdirSync(join(photos.dir, name)).map((file) => `/photos/${name}/${file}`),
      ]),
    );
    const rows: LoadingRow[] = [];
    for (const [model, batch, imageSize] of RUNS) {
      const task = { photos: byClass, model, batch, imageSize, epochs: EPOCHS };
      const timed = (workers: boolean) =>
        inTab(
          (tab) => tab.run<WebTrainTimes>({ ...task, workers } satisfies WebTrainTask),
          'trainWorkerWeb.js',
          photos.dir,
        );
      const [withWorkers, alone]: [WebTrainTimes[], WebTrainTimes[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        withWorkers.push(await timed(true));
        alone.push(await timed(false));
      }
      const gain = (of: (times: WebTrainTimes) => number) => median(withWorkers.map((a, i) => of(a) / of(alone[i]!)));
      rows.push({
        ...{ model, batch, imageSize, workers: summed(withWorkers), alone: summed(alone) },
        firstGain: gain(({ firstRate }) => firstRate),
        gain: gain(({ rates }) => median(rates)),
      });
    }
    return rows;
  } finally {
    photos.remove();
  }
}

const summed = (runs: readonly WebTrainTimes[]): Loading => ({
  firstRate: median(runs.map(({ firstRate }) => firstRate)),
  rate: median(runs.flatMap(({ rates }) => rates)),
  firstWait: median(runs.map(({ firstWait }) => firstWait)),
  wait: median(runs.flatMap(({ waits }) => waits)),
});

async function inTab<T>(
  work: (tab: Tab) => Promise<T>,
  script = 'stepWorkerWeb.js',
  photos: string | undefined = undefined,
): Promise<T> {
  const tab = await openTab(script, photos);
  try {
    return await work(tab);
  } finally {
    await tab.close();
  }
}
