import type { Tensor } from '../graph/tensor.ts';
import type { Features } from '../models/index.ts';
import { answer } from '../models/vit.ts';
import { slice } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';

/**
 * One vector an image of each layer, [B,D], in the order of the network, for comparisons between networks.
 * Our choice: of a Vision Transformer the patch tokens' mean after each block (class tokens are left out), of a CNN the mean
 * of each stage's map; the logits are the last layer of each.
 */
export function pooledLayers(features: Features): Map<string, Tensor> {
  const { tokens = [], grid, maps = {} } = features;
  return new Map([
    ...tokens.map((x, i): [string, Tensor] => {
      const { rows, columns, prefix } = grid!;
      return [`block ${i}`, reduceMean(slice(x, 1, prefix, prefix + rows * columns), { axes: [1] })];
    }),
    ...Object.entries(maps).map(([stage, map]): [string, Tensor] => [stage, reduceMean(map, { axes: [2, 3] })]),
    ['logits', answer(features)],
  ]);
}
