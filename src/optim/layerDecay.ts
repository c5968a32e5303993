import type { Tensor } from '../graph/tensor.ts';
import { mul } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/movement.ts';
import { type OptimParam, partsOf, type Transform } from './transform.ts';

/**
 * Layer-wise learning rates (BEiT, arXiv 2106.08254, with timm's layers): the head moves at full rate, each layer below at
 * `decay` times the rate of the one above it, weight decay included. Stands last in a chain. `above`: how many layers are above a
 * parameter; left out, its name tells.
 */
export function layerDecay(decay: number, above?: ReadonlyMap<string, number>): Transform {
  return {
    slots: () => [],
    scalars: () => ({}),
    update: (updates, params) => {
      const names = params.flatMap((param) => partsOf(param).map(({ name }) => name));
      const rates = layerRates(names, decay, above);
      return { updates: updates.map((update, i) => scaled(update, params[i]!, rates)), slots: new Map() };
    },
  };
}

/** The factor of each parameter: by the number of layers above it, else by PyTorch name. */
export function layerRates(
  names: readonly string[],
  decay: number,
  above?: ReadonlyMap<string, number>,
): Map<string, number> {
  // What is not the network's own, a method's, is at the top.
  if (above) return new Map(names.map((name) => [name, decay ** (above.get(name) ?? 0)]));
  const found = names.map(blockOf).filter((block) => block !== undefined);
  const blocks = [...new Set(found)].sort((a, b) => a - b);
  return new Map(names.map((name) => [name, decay ** layersAbove(name, blocks)]));
}

/**
 * As timm's `param_groups_layer_decay` counts them (its models' `group_matcher`): each block of a Vision Transformer, a ResNet or
 * a RegNet is a layer; embeddings and stem are one below them; the final norm of the tokens goes with the last block; heads and
 * the norm of a pooled vector (`fc_norm`) are at the top. Our choice: a method's own parameters are there too.
 */
function layersAbove(name: string, blocks: readonly number[]): number {
  const block = blockOf(name);
  if (block !== undefined) return blocks.length - blocks.indexOf(block);
  if (/^(cls_token|dist_token|reg_token|pos_embed|patch_embed|norm_pre|conv1|bn1|stem)\b/.test(name))
    return blocks.length + 1;
  return name.startsWith('norm.') ? 1 : 0;
}

/** More than a stage has blocks. */
const STAGE = 1000;

/** A number that grows towards the head: of `blocks.2`, `layer1.0` (ResNet), `s1.b1` (RegNet). */
function blockOf(name: string): number | undefined {
  const [, stage, block] = /^(?:blocks|layer|s)(\d*)\.b?(\d+)\./.exec(name) ?? [];
  return block === undefined ? undefined : Number(stage) * STAGE + Number(block);
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
