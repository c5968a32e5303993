import type { Tensor } from '../graph/tensor.ts';
import type { NormStat } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import type { Dense } from './dense.ts';

/** What a model gives besides its logits. An unused feature costs nothing: emission starts at what is used. */
export interface Features {
  /** [B,K]. A model without a classifier (K = 0) has its pooled features here, as timm's models do, and does not list `logits`. */
  readonly logits: Tensor;
  /** [B,K], of the distillation token's head. */
  readonly distLogits?: Tensor;
  /** The residual stream after each block, [B,N,D], all tokens. */
  readonly tokens?: readonly Tensor[];
  /** The FFN's (MLP's) output of each block before the residual sum, [B,N,D]. */
  readonly ffn?: readonly Tensor[];
  /** The attention branch's output of each block before the residual sum, [B,N,D]. */
  readonly mha?: readonly Tensor[];
  /** After the final LayerNorm, [B,N,D]. */
  readonly norm?: Tensor;
  /** Attention of each block, [B,H,N,N]. */
  readonly attention?: readonly Tensor[];
  /** How the tokens lie on the image. */
  readonly grid?: { readonly rows: number; readonly columns: number; readonly prefix: number };
  /** Post-ReLU feature maps [B,C,h,w] by stage: stem, s1, s2, ... */
  readonly maps?: Readonly<Record<string, Tensor>>;
  /** Input of the last linear layer, [B,D]. */
  readonly pooled?: Tensor;
  /** What an encoder gives for an image as a whole, [B,E], not normalised: what its head reads, or what a model without one is for. */
  readonly embedding?: Tensor;
  /** The features of an image's places: patch tokens after the final norm, or the last map's places. */
  readonly dense?: Dense;
  /** The classifier's answer at every place of the last map, or of a Vision Transformer at every patch, [B,h,w,K]. */
  readonly placeLogits?: Tensor;
  /** The distillation head's at every patch, [B,rows,columns,K]. */
  readonly patchDistLogits?: Tensor;
  /** The mean of `patchDistLogits`, [B,K], where the model's answer counts it as a third vote. */
  readonly patchVote?: Tensor;
  /** What each BatchNorm sees and the running statistics it has, in the order of the network. */
  readonly normStats?: readonly NormStat[];
}

export type FeatureName = Exclude<keyof Features, 'grid' | 'patchVote'>;

/** A family as messages say it: a vit, an encoder, an ONNX file. */
export const oneOf = (family: string): string =>
  family === 'onnx' ? 'an ONNX file' : `${/^[aeiou]/.test(family) ? 'an' : 'a'} ${family}`;

/** What a convolutional network gives. */
export const cnnFeatures = (classes: number): readonly FeatureName[] => [
  ...(classes > 0 ? (['logits', 'placeLogits'] as const) : []),
  ...(['maps', 'pooled', 'embedding', 'dense', 'normStats'] as const),
];

/** A network: a config and how to build it. */
export interface Model {
  readonly family: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly classes: number;
  readonly imageSize: number;
  /** Which features `build` gives. */
  readonly features: readonly FeatureName[];
  /** pixels [B,3,S,S], normalised. */
  build(scope: Scope, pixels: Tensor): Features;
  /** The classifier's parameters with the axis of the classes. Left out: by their names, the classes first (`isHead`). */
  readonly heads?: ReadonlyMap<string, number>;
  /** How many layers lie above a parameter, for rates by layer. Left out: by their names (optim/layerDecay.ts). */
  readonly layersAbove?: ReadonlyMap<string, number>;
}
