import { oneWidth } from '../models/widths.ts';
import type { SavedModel } from './savedModel.ts';
import type { Weight } from './tensors/weight.ts';

/**
 * A DeiT III as the plain ViT that computes the same: the gain of LayerScale goes into the layer before it, and the class token
 * gets a position of zeros. Models that need neither, or that are no plain ViT besides, come back as they are.
 */
export function plainVit(saved: SavedModel): SavedModel {
  const { model } = saved;
  if (
    model.family !== 'vit' ||
    model.mhca?.layers ||
    !oneWidth(model) ||
    model.patchVote ||
    (model.layerScale === null && !model.posEmbedOnPatchesOnly)
  )
    return saved;
  const weights = new Map(saved.weights);
  if (model.layerScale !== null)
    for (let i = 0; i < model.depth; i++) {
      absorb(weights, `blocks.${i}.ls1.gamma`, `blocks.${i}.attn.proj`);
      absorb(weights, `blocks.${i}.ls2.gamma`, `blocks.${i}.mlp.fc2`);
    }
  if (model.posEmbedOnPatchesOnly)
    weights.set('pos_embed', withZeros(weights.get('pos_embed')!, model.distToken ? 2 : 1));
  return { ...saved, model: { ...model, layerScale: null, posEmbedOnPatchesOnly: false }, weights };
}

/** diag(gamma) (W x + b) = (diag(gamma) W) x + diag(gamma) b */
function absorb(weights: Map<string, Weight>, gain: string, layer: string): void {
  const gamma = weights.get(gain)!.data;
  for (const name of [`${layer}.weight`, `${layer}.bias`]) {
    const { shape, data } = weights.get(name)!;
    const row = data.length / gamma.length;
    weights.set(name, { shape, data: data.map((x, i) => x * gamma[Math.floor(i / row)]!) });
  }
  weights.delete(gain);
}

/** [1,Np,D] -> [1,prefix+Np,D] */
function withZeros({ shape: [, Np, D], data }: Weight, prefix: number): Weight {
  const longer = new Float32Array((Np! + prefix) * D!);
  longer.set(data, prefix * D!);
  return { shape: [1, Np! + prefix, D!], data: longer };
}
