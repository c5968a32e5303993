import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from '../run/training/trainNode.ts';
import { findTorch, median, runPeer, runWorker } from './peer.ts';
import { makePhotos } from './photos.ts';

interface Timed {
  readonly images: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

interface Rate {
  readonly imagesPerSec: number;
  /** Processor time of all threads. On a machine that does other work too, it says more than the rate. */
  readonly cpuMsPerImage: number;
}

export interface LoaderBench {
  /** Of the JPEGs that were made. */
  readonly images: { readonly count: number; readonly width: 500; readonly height: 375; readonly bytes: number };
  readonly batch: number;
  readonly workers: number;
  /** Decoded, cropped at random, mirrored, brought to 224 x 224, normalised, in batches: the preset `light`. */
  readonly jpeg: Rate;
  /** The same from the decoded pixels in memory. */
  readonly cache: Rate;
  /** Evaluation (centre crop): from JPEGs, and from the cache, which holds the resized pixels. */
  readonly evalJpeg: Rate;
  readonly evalCache: Rate;
  /** PyTorch's DataLoader with torchvision and Pillow, as `jpeg`. */
  readonly peer: (Rate & { readonly versions: string }) | null;
  /** jpeg / peer: the median of the rounds. */
  readonly ratio: number | null;
  /** Share of the time that a DeiT-Ti training run on these JPEGs, without a cache, waits for data. */
  readonly dataWait: number;
}

const WORKERS = 2;
/** Updates of the run whose data wait is told: the figure is smoothed over about twenty. */
const UPDATES = 40;

/** Times the loader in turn with PyTorch's where it is installed, then a training run that waits for it. */
export async function benchLoader(count: number, batch: number, rounds: number): Promise<LoaderBench> {
  const photos = await makePhotos(count);
  try {
    const runs: Record<string, Timed[]> = { jpeg: [], cache: [], evalJpeg: [], evalCache: [], peer: [] };
    const torch = findTorch()?.python;
    const args = [photos.dir, String(batch), String(WORKERS)];
    const batches = Math.max(4, Math.ceil(count / batch));
    const own = (part: string, source: string, times = 1) =>
      runWorker<Timed>('loaderWorker', [...args, String(times * batches), part, source]);
    let versions = '';
    for (let round = 0; round < rounds; round++) {
      runs.jpeg!.push(await own('train', 'jpeg'));
      const peer = torch ? await runPeer<Timed & { versions: string }>(torch, 'loader.py', args, {}) : undefined;
      if (peer) runs.peer!.push(peer);
      versions = peer?.versions ?? versions;
      runs.cache!.push(await own('train', 'cache', 2));
      runs.evalJpeg!.push(await own('eval', 'jpeg'));
      runs.evalCache!.push(await own('eval', 'cache', 4));
    }
    const rate = (name: string): Rate => rateOf(runs[name]!);
    return {
      images: { count, width: 500, height: 375, bytes: photos.bytes },
      ...{ batch, workers: WORKERS },
      ...{ jpeg: rate('jpeg'), cache: rate('cache'), evalJpeg: rate('evalJpeg'), evalCache: rate('evalCache') },
      peer: torch ? { ...rate('peer'), versions } : null,
      ratio: torch ? median(runs.jpeg!.map((run, i) => speed(run) / speed(runs.peer![i]!))) : null,
      dataWait: await waitOfTraining(photos.dir, batch, count),
    };
  } finally {
    photos.remove();
  }
}

const speed = ({ images, seconds }: Timed): number => images / seconds;

function rateOf(runs: readonly Timed[]): Rate {
  const cpu = median(runs.map(({ images, cpuSeconds }) => (1000 * cpuSeconds) / images));
  return { imagesPerSec: median(runs.map(speed)), cpuMsPerImage: cpu };
}

/** A run as users start it, at its defaults but for the cache, so that each image is decoded each time. */
async function waitOfTraining(data: string, batch: number, count: number): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), 'understudy-bench-run-'));
  const valFraction = Math.min(0.5, batch / count);
  const perEpoch = Math.max(1, Math.floor((count * (1 - valFraction)) / batch));
  let wait = Number.NaN;
  try {
    await train({
      data,
      model: 'deit_tiny_patch16_224',
      out: join(out, 'run'),
      settings: { data: { cacheMB: 0, valFraction }, train: { batch, epochs: Math.ceil(UPDATES / perEpoch) } },
      onEvent: (event) => {
        if (event.type === 'step') wait = event.dataWait;
      },
    });
    return wait;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
