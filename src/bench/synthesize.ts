import { UserError } from '../graph/errors.ts';
import { variantConfig } from '../models/index.ts';
import { findTorch, median, runPeer, runWorker, tunedBlas } from './peer.ts';

interface Timed {
  readonly seconds: readonly number[];
  readonly buildSeconds: number;
  readonly peakRssMB: number;
}

export interface SynthesizeBench {
  readonly model: string;
  readonly batch: number;
  /** Images of an iteration a second: forward, backward to the pixels, Adam, float32. */
  readonly imagesPerSec: number;
  /** Slowest and fastest iteration. */
  readonly range: readonly [number, number];
  readonly buildSeconds: number;
  readonly peakRssMB: number;
  /** PyTorch's iteration of the same terms on a teacher of the same shapes, taken in turn with ours. */
  readonly peer: {
    readonly imagesPerSec: number;
    readonly peakRssMB: number;
    readonly passiveWaitImagesPerSec: number;
  } | null;
  readonly ratio: number | null;
  /** Against PyTorch with OMP_WAIT_POLICY=PASSIVE, which suits few cores better than its default. */
  readonly ratioPassiveWait: number | null;
}

/** Times an iteration of image synthesis, in turn with PyTorch's where it is installed. */
export async function benchSynthesize(name: string, batch: number, rounds: number): Promise<SynthesizeBench> {
  const torch = findTorch();
  const args = peerArguments(name, batch);
  const [own, peer, passive]: [Timed[], Timed[], Timed[]] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    own.push(await runWorker<Timed>('synthesizeWorker', [name, String(batch), '8']));
    if (!torch) continue;
    peer.push(await runPeer<Timed>(torch, 'synthesize.py', args, tunedBlas()));
    passive.push(await runPeer<Timed>(torch, 'synthesize.py', args, { ...tunedBlas(), OMP_WAIT_POLICY: 'PASSIVE' }));
  }
  const rate = (runs: readonly Timed[]) => batch / median(runs.flatMap((run) => run.seconds));
  const peak = (runs: readonly Timed[]) => Math.max(...runs.map((run) => run.peakRssMB));
  const seconds = own.flatMap((run) => run.seconds);
  return {
    model: name,
    batch,
    imagesPerSec: rate(own),
    range: [batch / Math.max(...seconds), batch / Math.min(...seconds)],
    buildSeconds: median(own.map((run) => run.buildSeconds)),
    peakRssMB: peak(own),
    peer: torch ? { imagesPerSec: rate(peer), peakRssMB: peak(peer), passiveWaitImagesPerSec: rate(passive) } : null,
    ratio: torch ? rate(own) / rate(peer) : null,
    ratioPassiveWait: torch ? rate(own) / rate(passive) : null,
  };
}

function peerArguments(name: string, batch: number): string[] {
  const config = variantConfig(name, { classes: 10 });
  if (config.family !== 'resnet' || config.stem !== 'small' || config.block !== 'basic')
    throw new UserError(`bench synthesize: wanted a small-stem ResNet of basic blocks (resnet20_small), got ${name}`);
  const values = { depths: config.depths.join(), widths: config.widths.join(), image: config.imageSize, batch };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}
