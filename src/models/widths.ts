import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layerNorm, linear } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';

/** The last blocks of a Vision Transformer where they are of other widths than the first ones. */
export const widthsShape = {
  /** The last of these is the last block. Before a block of another width stand a linear layer without bias and a LayerNorm. */
  lastBlocks: z.array(z.strictObject({ width: z.int().min(1), heads: z.int().min(1) })).default([]),
  /** Width to which the tokens are brought after the last block, in place of the final LayerNorm; null leaves it out. */
  lift: z.int().min(1).nullable().default(null),
} as const;

export interface Widths {
  readonly width: number;
  readonly heads: number;
  readonly depth: number;
  readonly lastBlocks: readonly { readonly width: number; readonly heads: number }[];
  readonly lift: number | null;
}

/** Width and heads of a block. */
export function blockShape({ width, heads, depth, lastBlocks }: Widths, index: number) {
  return lastBlocks[index - (depth - lastBlocks.length)] ?? { width, heads };
}

/** Whether all tokens are as wide everywhere: else it is no model that other libraries know. */
export const oneWidth = ({ lastBlocks, lift }: Widths): boolean => lastBlocks.length === 0 && lift === null;

/** What the heads read. */
export const headWidth = (config: Widths): number => config.lift ?? blockShape(config, config.depth - 1).width;

/** @throws UserError where widths and heads do not go together. */
export function checkWidths(config: Widths & { readonly pool: string; readonly poolNorm: boolean }): void {
  const { lastBlocks, depth, lift, pool, poolNorm } = config;
  if (lastBlocks.length > depth)
    throw new UserError(
      `model: lastBlocks: wanted at most the ${depth} blocks of the model, got ${lastBlocks.length}. Name fewer`,
    );
  for (const { width, heads } of lastBlocks)
    if (width % heads !== 0)
      throw new UserError(
        `model: lastBlocks: wanted a width that is a multiple of its heads, got ${width} and ${heads}. Change one of them`,
      );
  if (lift !== null && (pool !== 'mean' || poolNorm))
    throw new UserError(
      `model: lift: the head reads the mean of lifted patches, so wanted pool mean and poolNorm false, got ${pool} and ${poolNorm}. Set both, or use lastBlocks`,
    );
}

/**
 * Tokens of another width: `Linear(no bias)` and a LayerNorm, no shortcut around them.
 * Source: WideLast and Lift, arXiv 2511.15572; the code has epsilon 1e-6 before a block and 1e-5 in the lift.
 */
export function widened(s: Scope, x: Tensor, width: number, epsilon: number): Tensor {
  const wide = s.in('proj', (s) => linear(s, x, width, { bias: false }));
  return s.in('norm', (s) => layerNorm(s, wide, epsilon));
}
