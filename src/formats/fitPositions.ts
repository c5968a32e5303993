import type { EncoderKind } from '../models/encoder.ts';
import type { ModelConfig } from '../models/index.ts';
import type { Weight } from './tensors/weight.ts';
import { resizePositions } from './resizePositions.ts';

/** The embeddings for the model's input side where `weight` was made for another one; undefined where it fits, or never can. */
export function positionsFor(
  model: ModelConfig,
  { shape, data }: Weight,
): { readonly weight: Weight; readonly from: number; readonly to: number } | undefined {
  if (model.family !== 'vit' && model.family !== 'encoder') return undefined;
  const prefix = prefixOf(model);
  const [from, to] = [Math.sqrt((shape[1] ?? 0) - prefix), Math.floor(model.imageSize / model.patchSize)];
  if (!Number.isInteger(from) || from < 1 || from === to || to < 1 || shape[2] !== model.width) return undefined;
  const smooth = model.family === 'vit' || SMOOTH.includes(model.kind);
  const resized = resizePositions(data, { prefix, from, to, width: model.width, smooth });
  return { weight: { shape: [1, prefix + to * to, model.width], data: resized }, from, to };
}

/** Encoders whose own code smooths where it shrinks. Source: interpolate_pos_encoding of transformers' models. */
const SMOOTH: readonly EncoderKind[] = ['dinov2_with_registers'];

/** Rows before those of the patches. */
function prefixOf(model: Extract<ModelConfig, { family: 'vit' | 'encoder' }>): number {
  if (model.family === 'encoder') return Number(model.classToken);
  return model.posEmbedOnPatchesOnly ? 0 : Number(model.classToken) + Number(model.distToken);
}
