import type { Tensor } from '../graph/tensor.ts';
import { reshape, slice, transpose } from '../ops/movement.ts';
import { affine, fanInUniform } from './layers.ts';
import type { Scope } from './scope.ts';

/**
 * Patches of pixels [B,C,h,w] as tokens [B, rows * columns, D]: a convolution with kernel = stride = P, as a reordering and one
 * product. What is left over at the right and at the bottom is cut. PyTorch's names and shapes: weight [D,C,P,P], bias.
 */
export function patchEmbed(
  s: Scope,
  pixels: Tensor,
  { patchSize: P, width: D, rows, columns, bias = true }: PatchOptions,
): Tensor {
  const [B, C] = [pixels.shape[0]!, pixels.shape[1]!];
  const init = fanInUniform(C * P * P);
  const [weight, shift] = [s.param('weight', [D, C, P, P], init), bias ? s.param('bias', [D], init) : undefined];
  const cut = slice(slice(pixels, 2, 0, rows * P), 3, 0, columns * P);
  const tiles = transpose(reshape(cut, [B, C, rows, P, columns, P]), [0, 2, 4, 1, 3, 5]); // B rows columns C P P
  return affine(reshape(tiles, [B, rows * columns, C * P * P]), reshape(weight, [D, C * P * P]), shift);
}

export interface PatchOptions {
  readonly patchSize: number;
  readonly width: number;
  readonly rows: number;
  readonly columns: number;
  readonly bias?: boolean;
}
