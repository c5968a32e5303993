import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { equal } from '../ops/compare.ts';
import { cast, mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, reshape, slice } from '../ops/movement.ts';
import type { Scope } from './scope.ts';

/** Of so many patches, how many a step keeps where it leaves out the share `rate`: at least one. */
export const keptPatches = (patches: number, rate: number): number => Math.max(1, Math.round(patches * (1 - rate)));

/**
 * PatchDropout (Liu et al., WACV 2023, arXiv 2208.07220): of tokens [B, prefix + N, D], positions added, those before the patches and
 * `count` of the N patches, drawn anew for each image and step, in their order on the image. All blocks then have so many fewer rows.
 *
 * The choice is a product with rows of the identity, so that it and its gradient are matrix products on every engine: for `count` x N
 * x D multiplications an image, less than a hundredth of a Vision Transformer's.
 */
export function keptTokens(s: Scope, tokens: Tensor, prefix: number, count: number): Tensor {
  const [B, all, D] = tokens.shape as [number, number, number];
  const N = all - prefix;
  const mask = s.exactMask('patchDropout', [B, N], count);
  const kept = matmul(chosenRows(mask, count), slice(tokens, 1, prefix, all)); // B count D
  return prefix === 0 ? reshape(kept, [B, count, D]) : concat([slice(tokens, 1, 0, prefix), kept], 1);
}

/** Of a mask [B,N] with `count` ones in each row: [B,count,N], whose row k is that of the identity at the k-th one. */
function chosenRows(mask: Tensor, count: number): Tensor {
  const [B, N] = mask.shape as [number, number];
  const upTo = floats(
    [N, N],
    Array.from({ length: N * N }, (_, i) => Number(Math.floor(i / N) <= i % N)),
  );
  const rank = reshape(matmul(mask, upTo), [B, 1, N]); // how many ones up to each place
  const wanted = floats(
    [1, count, 1],
    Array.from({ length: count }, (_, k) => k + 1),
  );
  return mul(cast(equal(rank, wanted), 'float32'), reshape(mask, [B, 1, N]));
}
