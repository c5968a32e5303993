import { variantConfig } from '../models/index.ts';
import { findTorch, median, runPeer, runWorker, tunedBlas } from './peer.ts';

interface Timed {
  readonly seconds: readonly number[];
  readonly buildSeconds: number;
  readonly peakRssMB: number;
}

export interface StepBench {
  readonly model: string;
  readonly batch: number;
  /** Of the full training step: forward, backward, AdamW, float32. */
  readonly imagesPerSec: number;
  /** Slowest and fastest step. */
  readonly range: readonly [number, number];
  readonly shares: { readonly forward: number; readonly backward: number; readonly update: number };
  readonly buildSeconds: number;
  readonly peakRssMB: number;
  /** PyTorch's step on the same shapes, float32, OpenBLAS with the processor's own kernels, taken in turn with ours. */
  readonly peer: {
    readonly imagesPerSec: number;
    readonly peakRssMB: number;
    readonly passiveWaitImagesPerSec: number;
  } | null;
  readonly ratio: number | null;
  /** Against PyTorch with OMP_WAIT_POLICY=PASSIVE, which suits few cores better than its default. */
  readonly ratioPassiveWait: number | null;
}

/** Times the training step of a Vision Transformer, in turn with PyTorch's where it is installed. */
export async function benchStep(name: string, batch: number, rounds: number): Promise<StepBench> {
  const torch = findTorch();
  const [own, peer, passive]: [Timed[], Timed[], Timed[]] = [[], [], []];
  const args = peerArguments(name, batch);
  for (let round = 0; round < rounds; round++) {
    own.push(await runWorker<Timed>('stepWorker', [name, String(batch), '8', 'full']));
    if (!torch) continue;
    peer.push(await runPeer<Timed>(torch, 'step.py', args, tunedBlas()));
    passive.push(await runPeer<Timed>(torch, 'step.py', args, { ...tunedBlas(), OMP_WAIT_POLICY: 'PASSIVE' }));
  }
  const seconds = own.flatMap((run) => run.seconds);
  const full = median(seconds);
  const forward = median((await runWorker<Timed>('stepWorker', [name, String(batch), '5', 'forward'])).seconds);
  const gradient = median((await runWorker<Timed>('stepWorker', [name, String(batch), '5', 'gradient'])).seconds);
  const rate = (runs: readonly Timed[]) => batch / median(runs.flatMap((run) => run.seconds));
  return {
    model: name,
    batch,
    imagesPerSec: batch / full,
    range: [batch / Math.max(...seconds), batch / Math.min(...seconds)],
    shares: {
      forward: forward / full,
      backward: (gradient - forward) / full,
      update: Math.max(0, (full - gradient) / full),
    },
    buildSeconds: median(own.map((run) => run.buildSeconds)),
    peakRssMB: Math.max(...own.map((run) => run.peakRssMB)),
    peer: torch
      ? {
          imagesPerSec: rate(peer),
          peakRssMB: Math.max(...peer.map((run) => run.peakRssMB)),
          passiveWaitImagesPerSec: rate(passive),
        }
      : null,
    ratio: torch ? batch / full / rate(peer) : null,
    ratioPassiveWait: torch ? batch / full / rate(passive) : null,
  };
}

function peerArguments(name: string, batch: number): string[] {
  const config = variantConfig(name, { classes: 1000 });
  if (config.family !== 'vit') return [];
  const { width, heads, depth, imageSize, patchSize, mlpRatio } = config;
  const values = { width, heads, depth, image: imageSize, patch: patchSize, mlp: mlpRatio, batch, steps: 5 };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
