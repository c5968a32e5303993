import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { meanSquaredError } from '../losses/hidden.ts';
import { softKd } from '../losses/softKd.ts';
import { spectralError } from '../losses/spectral.ts';
import type { Features, ModelConfig } from '../models/index.ts';
import { stopGradient } from '../ops/elementwise.ts';
import { slice } from '../ops/movement.ts';
import { teacherTerms } from './logitKd.ts';
import type { LossContext, Method, Term } from './method.ts';
import { labelSmoothing, labelTerms } from './supervised.ts';

/** WideLast and Lift, arXiv 2511.15572, with the settings of the authors' code (thy960112/From-Per-Image-Low-Rank-to-Encoding-Mismatch). */
const config = z.strictObject({
  /**
   * What of the student becomes as wide as the teacher, for good. `lastBlock`: its last block. `lift`: a layer behind it, of whose
   * patches the head reads the mean. `none`: nothing; teacher and student have the same width, or the student's settings see to it.
   */
  widen: z.enum(['lastBlock', 'lift', 'none']).default('lastBlock'),
  /** Heads of the wide block; "auto" keeps the width of a head. */
  heads: z.union([z.literal('auto'), z.int().min(1)]).default('auto'),
  /** Teacher's block, from 0, whose output is learned, before any final norm. */
  teacherBlock: z.union([z.literal('last'), z.int().min(0)]).default('last'),
  /** `spectral`: the error of the Fourier transforms over the grid (losses/spectral.ts). */
  loss: z.enum(['mse', 'spectral']).default('mse'),
  featureWeight: z.number().min(0).default(0.2),
  /** Weight of the teacher's probabilities; the labels have 1 - alpha. 0: features alone. */
  alpha: z.number().min(0).max(1).default(0.9),
  tau: z.number().positive().default(1),
  labelSmoothing,
});

export type WidelastConfig = z.output<typeof config>;

/** (1-a) CE + a tau^2 KL(teacher || student) + w mean squared error of the patches behind the last block. */
export const widelast: Method<WidelastConfig> = {
  name: 'widelast',
  summary: "a student whose last block is as wide as the teacher's and copies it (WideLast, Lift)",
  config,
  needs: ({ alpha, widen }) => ({
    student: [widen === 'lift' ? 'norm' : 'tokens', 'logits'],
    teacher: alpha > 0 ? ['tokens', 'logits'] : ['tokens'],
    labels: alpha < 1 ? 'any' : 'none',
  }),
  multilabel: ({ alpha }) => alpha === 0,
  shapeStudent,
  loss: (context) => ({ ...logitTerms(context), feature: featureTerm(context) }),
};

function shapeStudent({ widen, heads }: WidelastConfig, student: ModelConfig, teacher: Features | undefined) {
  const width = teacher?.tokens?.at(-1)?.shape[2];
  if (widen === 'none' || student.family !== 'vit' || width === undefined) return {};
  if (widen === 'lift') return { lift: width, pool: 'mean' };
  // A narrower teacher is refused by the loss, which knows both widths.
  if (width <= student.width) return {};
  return { lastBlocks: [{ width, heads: heads === 'auto' ? headsFor(width, student.width / student.heads) : heads }] };
}

/** Our choice: where the width of a head does not go into the block's, the nearest number of heads below that does. */
function headsFor(width: number, headWidth: number): number {
  let heads = Math.max(1, Math.floor(width / headWidth));
  while (width % heads !== 0) heads--;
  return heads;
}

function logitTerms({ student, teacher, targets, multilabel, config }: LossContext<WidelastConfig>) {
  const { alpha, tau, labelSmoothing } = config;
  const labels = labelTerms(student, targets, labelSmoothing, 1 - alpha, multilabel);
  if (alpha === 0) return labels;
  const kd = (logits: Tensor) => ({ kd: { value: softKd(logits, teacher!.logits, tau), weight: alpha } });
  return { ...labels, ...teacherTerms(student, student.logits, { labels: alpha < 1 }, kd) };
}

function featureTerm({ student, teacher, config }: LossContext<WidelastConfig>): Term {
  const [own, theirs] = [
    patches(student, config.widen === 'lift' ? student.norm! : student.tokens!.at(-1)!),
    patches(teacher!, teacherBlock(teacher!, config)),
  ];
  checkShapes(own, theirs, student, teacher!);
  const target = stopGradient(theirs);
  const value = config.loss === 'mse' ? meanSquaredError(own, target) : spectralError(own, target, student.grid!);
  return { value, weight: config.featureWeight };
}

const patches = ({ grid }: Features, t: Tensor): Tensor => slice(t, 1, grid!.prefix, t.shape[1]!);

function teacherBlock({ tokens }: Features, { teacherBlock: at }: WidelastConfig): Tensor {
  const found = at === 'last' ? tokens!.at(-1) : tokens![at];
  if (!found)
    throw new UserError(
      `widelast.teacherBlock: the teacher has blocks 0 to ${tokens!.length - 1}, got ${at}. Choose one of them, or "last"`,
    );
  return found;
}

/** Nothing is projected, which is the point of the method. */
function checkShapes(own: Tensor, theirs: Tensor, student: Features, teacher: Features): void {
  const [s, t] = [own.shape[2]!, theirs.shape[2]!];
  if (s !== t)
    throw new UserError(
      `widelast: wanted patches of one width, got ${s} (student) and ${t} (teacher). widen lastBlock and lift make the student as wide as a wider teacher: leave student.settings.lastBlocks and lift to the method, or take a teacher at least as wide as the student`,
    );
  const show = ({ grid }: Features) => `${grid!.rows} x ${grid!.columns}`;
  if (show(student) !== show(teacher))
    throw new UserError(
      `widelast: wanted the same token grid of student and teacher, got ${show(student)} (student) and ${show(teacher)} (teacher). A grid has image size / patch size tokens a side: choose the student's so that it gets ${show(teacher)}`,
    );
}
