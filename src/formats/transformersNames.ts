import type { NetworkConfig } from '../onnx/network.ts';
import { oneWidth } from '../models/widths.ts';
import type { Weight } from './tensors/weight.ts';
import { CONVENTIONS, type Convention } from './names/conventions.ts';
import { placesIn, renameFromOurs } from './names/rename.ts';
import { joinBlocks, splitBlocks } from './names/rowBlocks.ts';

type Weights = ReadonlyMap<string, Weight>;

/** Is it a ViT or DeiT as transformers defines them? MHCA, LayerScale, positions on patches alone, a mean of tokens, a vote of the patches and blocks of other widths are not. */
export function isPlain(model: NetworkConfig): boolean {
  if (model.family !== 'vit') return false;
  const { classToken, distToken, distHead, patchVote, pool, qkvBias, layerScale, posEmbedOnPatchesOnly, mhca } = model;
  const heads = classToken && pool === 'token' && (!distToken || distHead) && !patchVote;
  return heads && qkvBias && oneWidth(model) && !mhca?.layers && layerScale === null && !posEmbedOnPatchesOnly;
}

/** ViTForImageClassification's names, or DeiTForImageClassificationWithTeacher's. */
const conventionOf = (model: NetworkConfig): Convention =>
  model.family === 'vit' && model.distToken ? CONVENTIONS.huggingFaceDeitTwoHeads : CONVENTIONS.huggingFaceVit;

/** Weights of a plain ViT or DeiT under transformers' names. */
export function toTransformers(model: NetworkConfig, weights: Weights): Map<string, Weight> {
  const convention = conventionOf(model);
  return new Map(
    [...weights].flatMap(([ours, weight]) => {
      const names = renameFromOurs(convention, ours);
      return splitBlocks(weight, names.length).map((block, i) => [names[i]!, block] as const);
    }),
  );
}

/** The reverse, for weights that have transformers' names; others are given back as they are. */
export function fromTransformers(model: NetworkConfig, weights: Weights): Weights {
  const convention = conventionOf(model);
  if (!isPlain(model) || !weights.has(`${convention.base}embeddings.cls_token`)) return weights;
  return joinBlocks(weights, placesIn(convention, [...weights.keys()]), convention);
}
