import { largest, smallest } from '../graph/lists.ts';
import { findTorch, median, runPeer, runWorker, tunedBlas } from './peer.ts';

/** What a worker of ours and a script of the peer's print. */
export interface Timed {
  readonly seconds: readonly number[];
  readonly buildSeconds: number;
  readonly peakRssMB: number;
}

/** Ours and PyTorch's images a second, measured in turn. */
export interface InTurn {
  readonly imagesPerSec: number;
  /** Slowest and fastest step. */
  readonly range: readonly [number, number];
  readonly buildSeconds: number;
  readonly peakRssMB: number;
  /** PyTorch on the same shapes, float32, OpenBLAS with the processor's own kernels; null where it is not installed. */
  readonly peer: {
    readonly imagesPerSec: number;
    readonly peakRssMB: number;
    readonly passiveWaitImagesPerSec: number;
  } | null;
  /** Ours over the peer's: the median of the rounds' ratios, each of two runs made one right after the other. */
  readonly ratio: number | null;
  /** Lowest and highest of the rounds' ratios. */
  readonly ratioRange: readonly [number, number] | null;
  /** Against PyTorch with OMP_WAIT_POLICY=PASSIVE, which suits few cores better than its default. */
  readonly ratioPassiveWait: number | null;
}

export interface Contestants {
  readonly batch: number;
  readonly rounds: number;
  readonly worker: readonly [name: string, ...args: string[]];
  /** A script of bench/peers. */
  readonly script: readonly [name: string, ...args: string[]];
}

/**
 * Runs the two in turn, so often that what else a machine does meets both: a ratio is taken within a round alone, and one bad
 * round does not move the median.
 */
export async function inTurn({ batch, rounds, worker, script }: Contestants): Promise<InTurn> {
  const torch = findTorch();
  const [own, peer, passive]: [Timed[], Timed[], Timed[]] = [[], [], []];
  const runTorch = (python: string, environment: Record<string, string>) =>
    runPeer<Timed>(python, script[0], script.slice(1), { ...tunedBlas(), ...environment });
  for (let round = 0; round < rounds; round++) {
    own.push(await runWorker<Timed>(worker[0], worker.slice(1)));
    if (!torch) continue;
    peer.push(await runTorch(torch, {}));
    passive.push(await runTorch(torch, { OMP_WAIT_POLICY: 'PASSIVE' }));
  }
  const all = own.flatMap((run) => run.seconds);
  const rate = (runs: readonly Timed[]) => batch / median(runs.flatMap((run) => run.seconds));
  const peak = (runs: readonly Timed[]) => largest(runs.map((run) => run.peakRssMB));
  const ratios = (runs: readonly Timed[]) => runs.map((run, i) => median(run.seconds) / median(own[i]!.seconds));
  return {
    imagesPerSec: rate(own),
    range: [batch / largest(all), batch / smallest(all)],
    buildSeconds: median(own.map((run) => run.buildSeconds)),
    peakRssMB: peak(own),
    peer: torch ? { imagesPerSec: rate(peer), peakRssMB: peak(peer), passiveWaitImagesPerSec: rate(passive) } : null,
    ratio: torch ? median(ratios(peer)) : null,
    ratioRange: torch ? [smallest(ratios(peer)), largest(ratios(peer))] : null,
    ratioPassiveWait: torch ? median(ratios(passive)) : null,
  };
}
