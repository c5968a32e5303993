import type { ModelConfig } from '../models/index.ts';
import type { Weight } from './tensors/weight.ts';
import { resizePositions } from './resizePositions.ts';

/** The embeddings for the model's input side where `weight` was made for another one; undefined where it fits, or never can. */
export function positionsFor(
  model: ModelConfig & { family: 'vit' },
  { shape, data }: Weight,
): { readonly weight: Weight; readonly from: number; readonly to: number } | undefined {
  const prefix = model.posEmbedOnPatchesOnly ? 0 : Number(model.classToken) + Number(model.distToken);
  const [from, to] = [Math.sqrt((shape[1] ?? 0) - prefix), Math.floor(model.imageSize / model.patchSize)];
  if (!Number.isInteger(from) || from < 1 || from === to || to < 1 || shape[2] !== model.width) return undefined;
  const resized = resizePositions(data, { prefix, from, to, width: model.width });
  return { weight: { shape: [1, prefix + to * to, model.width], data: resized }, from, to };
}
