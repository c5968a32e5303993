import type { Geometry } from './preprocessing/geometry.ts';
import type { Filter } from '../nn/resampling.ts';
import type { NetworkConfig } from '../onnx/network.ts';
import type { Weight } from './tensors/weight.ts';

/**
 * How images become the model's input: shorter side to floor(imageSize / evalCropRatio), centre crop, (x / 255 - mean) / std; or by
 * a geometry of the model's own.
 */
export interface Preprocessing {
  readonly imageSize: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly evalCropRatio: number;
  /** Wins over `evalCropRatio`. */
  readonly geometry?: Geometry | undefined;
  /** Of the resize; bicubic where it is left out. */
  readonly filter?: Filter | undefined;
}

/** A trained network with all that is needed to use it. */
export interface SavedModel {
  readonly model: NetworkConfig;
  /** Class names in the order of the logits. */
  readonly classes: readonly string[];
  /** Its logits are questions of their own (sigmoid), since an image may have several classes; else one class is right. */
  readonly multilabel?: boolean | undefined;
  readonly preprocessing: Preprocessing;
  /** By PyTorch name, buffers included. */
  readonly weights: ReadonlyMap<string, Weight>;
}
