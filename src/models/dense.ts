import type { Tensor } from '../graph/tensor.ts';
import { reshape, slice, transpose } from '../ops/movement.ts';

/** The features of an image's places on their grid, row by row, [B, rows * columns, D]. */
export interface Dense {
  readonly tokens: Tensor;
  readonly rows: number;
  readonly columns: number;
  /** They say little of their places (CLIP's, which nothing trains): not worth learning by default. */
  readonly weak?: true;
}

/** Of tokens [B, prefix + rows * columns, D]: those of patches; class, register and distillation tokens are cut. */
export function denseOfTokens(
  tokens: Tensor,
  { rows, columns, prefix }: { readonly rows: number; readonly columns: number; readonly prefix: number },
): Dense {
  return { tokens: prefix === 0 ? tokens : slice(tokens, 1, prefix, tokens.shape[1]!), rows, columns };
}

/** Of a map [B,C,h,w]. */
export function denseOfMap(map: Tensor): Dense {
  const [B, C, rows, columns] = map.shape as [number, number, number, number];
  return { tokens: transpose(reshape(map, [B, C, rows * columns]), [0, 2, 1]), rows, columns };
}
