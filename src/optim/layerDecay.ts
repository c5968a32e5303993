import { largest } from '../graph/lists.ts';
import type { Tensor } from '../graph/tensor.ts';
import { mul } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/movement.ts';
import { type OptimParam, partsOf, type Transform } from './transform.ts';

/**
 * Layer-wise learning rates (BEiT, arXiv 2106.08254, and timm's layer_decay): the head moves at full rate, each layer below at
 * `decay` times the rate of the one above it, weight decay included. Stands last in a chain.
 */
export function layerDecay(decay: number): Transform {
  return {
    slots: () => [],
    scalars: () => ({}),
    update: (updates, params) => {
      const names = params.flatMap((param) => partsOf(param).map(({ name }) => name));
      const rates = layerRates(names, decay);
      return { updates: updates.map((update, i) => scaled(update, params[i]!, rates)), slots: new Map() };
    },
  };
}

/** The factor of each parameter, by PyTorch name. */
export function layerRates(names: readonly string[], decay: number): Map<string, number> {
  const layers = names.map((name) => layerOf(name));
  const last =
    1 +
    largest(
      layers.map((layer) => layer ?? 0),
      0,
    );
  return new Map(names.map((name, i) => [name, decay ** (last - (layers[i] ?? last))]));
}

/**
 * 0: embeddings and stem; n + 1: block n of a Vision Transformer; n: layer n of a ResNet; undefined: the final norm, heads and a
 * method's own parameters, which are at the top.
 */
function layerOf(name: string): number | undefined {
  const [, block, layer] = /^(?:blocks\.(\d+)|layer(\d+))\./.exec(name) ?? [];
  if (block !== undefined) return Number(block) + 1;
  if (layer !== undefined) return Number(layer);
  return /^(norm|head|head_dist|fc|method)\b/.test(name) ? undefined : 0;
}

/** Neighbours with one rate are scaled together: a node a layer, not one a parameter. */
function scaled(update: Tensor, param: OptimParam, rates: ReadonlyMap<string, number>): Tensor {
  const runs: { from: number; to: number; rate: number }[] = [];
  for (const { name, offset, size } of partsOf(param)) {
    const rate = rates.get(name)!;
    const run = runs.at(-1);
    if (run?.rate === rate) run.to = offset + size;
    else runs.push({ from: offset, to: offset + size, rate });
  }
  if (runs.length === 1) return mul(update, runs[0]!.rate);
  return concat(
    runs.map(({ from, to, rate }) => mul(slice(update, 0, from, to), rate)),
    0,
  );
}
