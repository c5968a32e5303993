import { z } from 'zod';

const auto = z.literal('auto');
const count = z.int().min(1);

/** How the terms of a loss are weighed (src/train/balance/). */
export const weightsSchema = z.strictObject({
  /** fixed: by the weights that the methods have. balanced: by shares that are found while training. */
  mode: z.enum(['fixed', 'balanced']).default('fixed'),
  /**
   * closed: the shares of the shortest sum of the terms' gradients, measured. amortised: a loss that falls faster than the others
   * loses weight, for a forward pass more (FAMO). Our choice of default: closed, which costs least at `every` 50.
   */
  rule: z.enum(['closed', 'amortised']).default('closed'),
  /** Whether losses count by their logarithms, which forget any constant factor. */
  logLoss: z.boolean().default(true),
  /** Updates from one measurement to the next. "auto": 50 for closed, 1 for amortised. */
  every: z.union([auto, count]).default('auto'),
  /** Of closed: the part of the old shares that stays at a measurement. Our choice: 0.9. */
  smooth: z.number().min(0).lt(1).default(0.9),
  /**
   * Of closed: with respect to what gradients are compared. Our choice: shared, all of the student but its heads. lastBlock: its last
   * block; features: the tokens after it, for a backward pass of the heads alone.
   */
  params: z.enum(['shared', 'lastBlock', 'features']).default('shared'),
  /** The least that a loss counts as in its logarithm. Our choice: 0.001. */
  floor: z.number().positive().default(1e-3),
  /** Lower bounds of losses by the name of the term, such as the entropy that a cross entropy with soft labels cannot go below. */
  minLoss: z.record(z.string(), z.number().min(0)).default({}),
  /** The least share of a term; the rule alone may give all weight to one. */
  shareMin: z.number().min(0).max(0.5).default(0),
  /** sum: weights add up to the number of terms; none: share / loss as it comes. */
  normalise: z.enum(['sum', 'none']).default('sum'),
  /** Of amortised: learning rate and decay of the shares' logits; FAMO's. */
  lr: z.number().positive().default(0.025),
  decay: z.number().min(0).default(0.01),
});
