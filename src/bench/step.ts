import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { largest } from '../graph/lists.ts';
import { variantConfig } from '../models/index.ts';
import { type InTurn, inTurn, type Timed } from './inTurn.ts';
import { median, runWorker } from './peer.ts';
import { type ProfileRow, profileRows, readProfile } from './profile.ts';

/** The full training step of a model: forward, backward, AdamW, float32. */
export interface StepBench extends InTurn {
  readonly model: string;
  readonly batch: number;
  readonly shares: { readonly forward: number; readonly backward: number; readonly update: number };
  /** Multiply-accumulates of a step's products, and a second: in the step, and of large products alone on this processor. */
  readonly products: {
    readonly stepMacs: number;
    readonly inStep: number;
    readonly atBest: number;
    readonly share: number;
  };
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
  return { model: name, batch, shares, products: await productsOf(name, batch, full), ...measured };
}

/** How near the step as a whole comes to what the processor gives for large products by the same engine and threads. */
async function productsOf(name: string, batch: number, seconds: number): Promise<StepBench['products']> {
  const { macs } = await runWorker<Timed & { macs: number }>('stepWorker', [name, String(batch), '1', 'full']);
  const best = [];
  for (let i = 0; i < 3; i++)
    best.push((await runWorker<{ macsPerSecond: number }>('productWorker', [])).macsPerSecond);
  const [inStep, atBest] = [macs / seconds, largest(best)];
  return { stepMacs: macs, inStep, atBest, share: inStep / atBest };
}

/** The operators of a step by layer, from ONNX Runtime's profile; the longest first. */
export async function profileStep(
  name: string,
  batch: number,
): Promise<{ model: string; batch: number; rows: ProfileRow[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-profile-'));
  try {
    const { runs } = await runWorker<{ runs: number }>('stepWorker', [
      name,
      String(batch),
      '5',
      'full',
      join(folder, 'step'),
    ]);
    return { model: name, batch, rows: profileRows(readProfile(folder), runs) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function peerArguments(name: string, batch: number): string[] {
  const config = variantConfig(name, { classes: 1000 });
  if (config.family !== 'vit') return [];
  const { width, heads, depth, imageSize, patchSize, mlpRatio } = config;
  const values = { width, heads, depth, image: imageSize, patch: patchSize, mlp: mlpRatio, batch, steps: 5 };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
