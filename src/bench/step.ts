import { variantConfig } from '../models/index.ts';
import { type InTurn, inTurn, type Timed } from './inTurn.ts';
import { median, runWorker } from './peer.ts';

/** The full training step of a model: forward, backward, AdamW, float32. */
export interface StepBench extends InTurn {
  readonly model: string;
  readonly batch: number;
  readonly shares: { readonly forward: number; readonly backward: number; readonly update: number };
}

/** Times the training step of a Vision Transformer, in turn with PyTorch's where it is installed. */
export async function benchStep(name: string, batch: number, rounds: number): Promise<StepBench> {
  const measured = await inTurn({
    batch,
    rounds,
    worker: ['stepWorker', name, String(batch), '6', 'full'],
    script: ['step.py', ...peerArguments(name, batch)],
  });
  const timed = async (part: string): Promise<number> =>
    median((await runWorker<Timed>('stepWorker', [name, String(batch), '6', part])).seconds);
  const [full, forward, gradient] = [await timed('full'), await timed('forward'), await timed('gradient')];
  const shares = {
    forward: forward / full,
    backward: (gradient - forward) / full,
    update: Math.max(0, (full - gradient) / full),
  };
  return { model: name, batch, shares, ...measured };
}

function peerArguments(name: string, batch: number): string[] {
  const config = variantConfig(name, { classes: 1000 });
  if (config.family !== 'vit') return [];
  const { width, heads, depth, imageSize, patchSize, mlpRatio } = config;
  const values = { width, heads, depth, image: imageSize, patch: patchSize, mlp: mlpRatio, batch, steps: 5 };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
