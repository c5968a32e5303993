import { floats, input } from '../graph/build.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { adaptivePrior } from '../losses/adaptive.ts';
import { boundaryDivergence, type BoundaryVariant } from '../losses/boundary.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { meanLength, totalVariation1, totalVariation2 } from '../losses/imagePriors.ts';
import { normPrior } from '../losses/normPrior.ts';
import type { Term, Terms } from '../methods/method.ts';
import type { Features } from '../models/index.ts';
import type { Scope } from '../nn/scope.ts';
import { add, maximum, minimum, mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { expand, reshape } from '../ops/movement.ts';
import { averagePool } from '../ops/pool.ts';
import type { Transform } from '../optim/transform.ts';
import type { Vector } from './state.ts';
import type { StepSpec } from './trainProgram.ts';

type Triple = readonly [number, number, number];

/** Weights of the terms; a term of weight 0 is not built. */
export interface ImageWeights {
  readonly ce: number;
  readonly tv1: number;
  readonly tv2: number;
  readonly l2: number;
  readonly feature: number;
  /** Of the first BatchNorm's gap, besides `feature`. */
  readonly firstNorm: number;
  readonly adi: number;
  readonly bpid: number;
}

export interface ImageSpec {
  readonly batch: number;
  /** Side of the images, px. */
  readonly side: number;
  readonly classes: number;
  /** One grey value a pixel in place of three colours. */
  readonly grey: boolean;
  /** The teacher's normalisation. */
  readonly mean: Triple;
  readonly std: Triple;
  /** The teacher sees the images shrunk by this factor. */
  readonly shrink: number;
  readonly weights: ImageWeights;
  readonly boundary: { readonly variant: BoundaryVariant; readonly margin: number };
  /** Frozen networks on normalised pixels [B,3,S,S]. */
  readonly teacher: (pixels: Tensor) => Features;
  readonly student: ((pixels: Tensor) => Features) | undefined;
  readonly optimiser: Transform;
  /** Whether pixels are put back between black and white after each update. */
  readonly clip: boolean;
}

/**
 * A step whose parameters are the images: Adam moves them, the networks stand still, and no gradient of a weight is built.
 * Inputs: `batch.targets` [B,K] and two 0/1 matrices [S,S] that shift and mirror the images, `batch.rows` and `batch.columns`.
 * Source: DeepInversion, arXiv 1912.08795; the order of shrinking, shifting and mirroring is the authors' code's.
 */
export function imageStep(spec: ImageSpec): StepSpec {
  const { optimiser, clip } = spec;
  return {
    terms: (scope) => terms(scope, spec),
    optimiser,
    accumulate: 1,
    ema: false,
    ...(clip ? { project: (_: Vector, value: Tensor) => intoRange(value, spec) } : {}),
  };
}

/** Shape of the parameters. */
export const imageShape = ({ batch, grey, side }: Pick<ImageSpec, 'batch' | 'grey' | 'side'>): readonly number[] => [
  batch,
  grey ? 1 : 3,
  side,
  side,
];

/** Mean and deviation of the parameters' channels: the teacher's, or for grey images their average. */
export function ownScale({ grey, mean, std }: Pick<ImageSpec, 'grey' | 'mean' | 'std'>) {
  if (!grey) return { mean: [...mean], std: [...std] };
  const average = (values: Triple) => (values[0] + values[1] + values[2]) / 3;
  return { mean: [average(mean)], std: [average(std)] };
}

function terms(scope: Scope, spec: ImageSpec): Terms {
  const { weights, boundary } = spec;
  // Images are not to decay; x0 ~ N(0, 1).
  const images = scope.param('images', imageShape(spec), { kind: 'normal', std: 1 }, false);
  const targets = input('batch.targets', [spec.batch, spec.classes]);
  const pixels = moved(shrunk(colours(images, spec), spec.shrink));
  const seen = scope.in('teacher', () => spec.teacher(pixels));
  const built: Record<keyof Omit<ImageWeights, 'firstNorm'>, () => Tensor> = {
    ce: () => crossEntropy(seen.logits, targets),
    tv1: () => totalVariation1(pixels),
    tv2: () => totalVariation2(pixels),
    l2: () => meanLength(pixels),
    feature: () => normPrior(seen.normStats!, weights.firstNorm),
    adi: () => adaptivePrior(scope.in('student', () => spec.student!(pixels)).logits, seen.logits),
    bpid: () => boundaryDivergence(seen.pooled!, targets, boundary.margin, boundary.variant),
  };
  const used = (Object.keys(built) as (keyof typeof built)[]).filter((name) => weights[name] !== 0);
  return Object.fromEntries(
    used.map((name): [string, Term] => [name, { value: built[name](), weight: weights[name] }]),
  );
}

/** Parameters to the teacher's normalised pixels [B,3,S,S]. */
function colours(images: Tensor, spec: ImageSpec): Tensor {
  if (!spec.grey) return images;
  const own = ownScale(spec);
  const gain = spec.std.map((s) => own.std[0]! / s);
  const shift = spec.std.map((s, c) => (own.mean[0]! - spec.mean[c]!) / s);
  const wide = expand(images, [spec.batch, 3, spec.side, spec.side]);
  return add(mul(wide, floats([1, 3, 1, 1], gain)), floats([1, 3, 1, 1], shift));
}

const shrunk = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : averagePool(x, { kernel: factor }));

/** Products with permutations, so that the host chooses the shift without another compilation and the gradient shifts back. */
function moved(x: Tensor): Tensor {
  const [h, w] = [x.shape[2]!, x.shape[3]!];
  return matmul(matmul(input('batch.rows', [h, h]), x), input('batch.columns', [w, w]));
}

/** Clipped to what a pixel can be, 0 to 1 before normalisation. */
function intoRange(value: Tensor, spec: ImageSpec): Tensor {
  const { mean, std } = ownScale(spec);
  const bound = (pixel: number) =>
    floats(
      [1, mean.length, 1, 1],
      mean.map((m, c) => (pixel - m) / std[c]!),
    );
  const clipped = maximum(minimum(reshape(value, imageShape(spec)), bound(1)), bound(0));
  return reshape(clipped, [sizeOf(value.shape)]);
}
