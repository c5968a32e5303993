import { UserError } from '../graph/errors.ts';
import { variantConfig } from '../models/index.ts';
import { type InTurn, inTurn } from './inTurn.ts';

/** An iteration of image synthesis: forward, backward to the pixels, Adam, float32. */
export interface SynthesizeBench extends InTurn {
  readonly model: string;
  readonly batch: number;
}

/** Times an iteration of image synthesis, in turn with PyTorch's on the same terms and a teacher of the same shapes. */
export async function benchSynthesize(name: string, batch: number, rounds: number): Promise<SynthesizeBench> {
  const worker = ['synthesizeWorker', name, String(batch), '8'] as const;
  const script = ['synthesize.py', ...peerArguments(name, batch)] as const;
  return { model: name, batch, ...(await inTurn({ batch, rounds, worker, script })) };
}

function peerArguments(name: string, batch: number): string[] {
  const config = variantConfig(name, { classes: 10 });
  if (config.family !== 'resnet' || config.stem !== 'small' || config.block !== 'basic')
    throw new UserError(`bench synthesize: wanted a small-stem ResNet of basic blocks (resnet20_small), got ${name}`);
  const values = { depths: config.depths.join(), widths: config.widths.join(), image: config.imageSize, batch };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
