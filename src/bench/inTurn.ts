import { largest, smallest } from '../graph/lists.ts';
import { median, peerTorch, runPeer, runWorker, type Torch, tunedBlas } from './peer.ts';

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
  /** PyTorch on the same shapes, float32; null where it is not installed. */
  readonly peer: Peer | null;
  /** Ours over the peer's: the median of the rounds' ratios, each of two runs made one right after the other. */
  readonly ratio: number | null;
  /** Lowest and highest of the rounds' ratios. */
  readonly ratioRange: readonly [number, number] | null;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

/** PyTorch's threads wait actively or passively for each other: the better of the two is what ours is held against. */
export type WaitPolicy = 'active' | 'passive';
const POLICIES: Readonly<Record<WaitPolicy, Record<string, string>>> = {
  active: {},
  passive: { OMP_WAIT_POLICY: 'PASSIVE' },
};

export interface Peer {
  readonly imagesPerSec: number;
  readonly peakRssMB: number;
  /** The better one: OMP_WAIT_POLICY=PASSIVE suits few cores, PyTorch's default many. */
  readonly waits: WaitPolicy;
  readonly otherImagesPerSec: number;
  readonly torch: string;
  /** What multiplies PyTorch's matrices. */
  readonly blas: string;
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
  const { torch, skipped } = peerTorch();
  const own: Timed[] = [];
  const peers: Record<WaitPolicy, Timed[]> = { active: [], passive: [] };
  for (let round = 0; round < rounds; round++) {
    own.push(await runWorker<Timed>(worker[0], worker.slice(1)));
    if (!torch) continue;
    for (const [policy, environment] of Object.entries(POLICIES) as [WaitPolicy, Record<string, string>][])
      peers[policy].push(
        await runPeer<Timed>(torch.python, script[0], script.slice(1), { ...tunedBlas(), ...environment }),
      );
  }
  return { ...ownRate(own, batch), skipped, ...(torch ? againstBetter(own, peers, batch, torch) : NO_PEER) };
}

const NO_PEER = { peer: null, ratio: null, ratioRange: null } as const;
const secondsOf = (runs: readonly Timed[]): number => median(runs.flatMap((run) => run.seconds));
const peak = (runs: readonly Timed[]): number => largest(runs.map((run) => run.peakRssMB));

function ownRate(own: readonly Timed[], batch: number) {
  const all = own.flatMap((run) => run.seconds);
  return {
    imagesPerSec: batch / secondsOf(own),
    range: [batch / largest(all), batch / smallest(all)] as const,
    buildSeconds: median(own.map((run) => run.buildSeconds)),
    peakRssMB: peak(own),
  };
}

/** Against the way of waiting by which the peer is faster over all rounds. */
export function againstBetter(
  own: readonly Timed[],
  peers: Readonly<Record<WaitPolicy, readonly Timed[]>>,
  batch: number,
  { version, blas }: Omit<Torch, 'python'>,
): Pick<InTurn, 'peer' | 'ratio' | 'ratioRange'> {
  const waits: WaitPolicy = secondsOf(peers.passive) < secondsOf(peers.active) ? 'passive' : 'active';
  const other = peers[waits === 'passive' ? 'active' : 'passive'];
  const ratios = peers[waits].map((run, i) => median(run.seconds) / median(own[i]!.seconds));
  return {
    peer: {
      ...{ imagesPerSec: batch / secondsOf(peers[waits]), peakRssMB: peak(peers[waits]), waits },
      ...{ otherImagesPerSec: batch / secondsOf(other), torch: version, blas },
    },
    ratio: median(ratios),
    ratioRange: [smallest(ratios), largest(ratios)],
  };
}
