import { availableParallelism } from 'node:os';
import { largest, smallest } from '../graph/lists.ts';
import { variantConfig } from '../models/index.ts';
import { hasBf16, median, peerTorch, runPeer, runWorker, tunedBlas } from './peer.ts';

interface Rate {
  /** Median over all steps of all rounds. */
  readonly imagesPerSec: number;
  /** Slowest and fastest step. */
  readonly range: readonly [number, number];
}

interface OwnRate extends Rate {
  /** Part of the step that the teacher takes, 0 to 1. */
  readonly teacherShare: number;
}

interface DistillSettings {
  readonly teacher: string;
  readonly student: string;
  /** Images of an update: as many micro-batches as lanes. */
  readonly batch: number;
  readonly lanes: number;
  readonly rounds: number;
}

export interface DistillBench extends DistillSettings {
  readonly fp32: OwnRate;
  readonly int8: OwnRate;
  /** The teacher's logits are read from the store. */
  readonly stored: OwnRate;
  /** `int8` in one lane, and how much faster lanes are: the median of the rounds' ratios. Null where there is one lane anyway. */
  readonly inOneLane: OwnRate | null;
  readonly lanesGain: number | null;
  /** PyTorch's steps, in turn with ours; of its ways to wait for threads the better one. */
  readonly peer: { readonly fp32: Rate; readonly bf16: Rate | null } | null;
  /** Ours in 8 bits over PyTorch's in bfloat16: the median of the rounds' ratios. */
  readonly ratio: number | null;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

interface Timed {
  readonly seconds: readonly number[];
  readonly teacherSeconds?: readonly number[];
}

const MODES = ['fp32', 'int8', 'stored'] as const;
const PEERS = ['fp32', 'bf16'] as const;
const POLICIES: readonly Record<string, string>[] = [{}, { OMP_WAIT_POLICY: 'PASSIVE' }];
const STEPS = 5;
const NO_BF16 =
  'pytorch in bfloat16: this processor has no bfloat16 products (avx512_bf16, amx_bf16); emulated it would take ten minutes and say nothing';

/** Times distillation of one Vision Transformer into another, in turn with PyTorch where it is installed. */
export async function benchDistill(settings: DistillSettings): Promise<DistillBench> {
  const { teacher, student, batch, lanes, rounds } = settings;
  const { torch, skipped: noTorch } = peerTorch();
  const kinds = torch ? PEERS.filter((kind) => kind !== 'bf16' || hasBf16()) : [];
  const skipped = torch && !kinds.includes('bf16') ? [NO_BF16] : noTorch;
  const own = new Map<string, Timed[]>(MODES.map((mode) => [mode, []]));
  const oneLane: Timed[] = [];
  const peers = new Map<string, Timed[]>();
  for (let round = 0; round < rounds; round++) {
    const time = (mode: string, lanes: number) =>
      runWorker<Timed>('distillWorker', [teacher, student, batch, STEPS, mode, lanes].map(String));
    for (const mode of MODES) own.get(mode)!.push(await time(mode, lanes));
    if (lanes > 1) oneLane.push(await time('int8', 1));
    for (const kind of kinds)
      for (const [i, policy] of POLICIES.entries()) {
        const args = peerArguments(teacher, student, batch, kind === 'bf16');
        const timed = await runPeer<Timed>(torch!.python, 'distill.py', args, { ...tunedBlas(), ...policy });
        peers.set(`${kind} ${i}`, [...(peers.get(`${kind} ${i}`) ?? []), timed]);
      }
  }
  const [fp32, int8, stored] = MODES.map((mode) => ownRate(own.get(mode)!, batch)) as [OwnRate, OwnRate, OwnRate];
  const ratiosTo = (others: readonly Timed[]) =>
    median(others.map(({ seconds }, i) => median(seconds) / median(own.get('int8')![i]!.seconds)));
  const result = {
    ...{ ...settings, fp32, int8, stored, skipped },
    ...(lanes > 1
      ? { inOneLane: ownRate(oneLane, batch), lanesGain: ratiosTo(oneLane) }
      : { inOneLane: null, lanesGain: null }),
  };
  if (!torch) return { ...result, peer: null, ratio: null };
  const best = (kind: string): readonly Timed[] =>
    POLICIES.map((_, i) => peers.get(`${kind} ${i}`)!).reduce((a, b) => (pooled(b) < pooled(a) ? b : a));
  const bf16 = kinds.includes('bf16') ? best('bf16') : null;
  return {
    ...result,
    peer: { fp32: rateOf(best('fp32'), batch), bf16: bf16 && rateOf(bf16, batch) },
    ratio: bf16 && ratiosTo(bf16),
  };
}

/** A lane for each core, of at least 8 images. */
export function lanesFor(batch: number): number {
  let lanes = Math.max(1, Math.min(availableParallelism(), Math.floor(batch / 8)));
  while (batch % lanes !== 0) lanes--;
  return lanes;
}

const pooled = (runs: readonly Timed[]): number => median(runs.flatMap((run) => run.seconds));

function rateOf(runs: readonly Timed[], batch: number): Rate {
  const seconds = runs.flatMap((run) => run.seconds);
  return {
    imagesPerSec: batch / pooled(runs),
    range: [batch / largest(seconds), batch / smallest(seconds)],
  };
}

function ownRate(runs: readonly Timed[], batch: number): OwnRate {
  const shares = runs.flatMap(({ seconds, teacherSeconds }) => seconds.map((s, i) => teacherSeconds![i]! / s));
  return { ...rateOf(runs, batch), teacherShare: median(shares) };
}

function peerArguments(teacher: string, student: string, batch: number, bf16: boolean): string[] {
  const shape = (name: string) => {
    const config = variantConfig(name, { classes: 1000 });
    return config.family === 'vit' ? [config.width, config.heads, config.depth].join(',') : '';
  };
  const values = { student: shape(student), teacher: shape(teacher), batch, steps: STEPS };
  return [
    ...Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]),
    ...(bf16 ? ['--bf16'] : []),
  ];
}
