import { input } from '../../graph/build.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Features, Model } from '../../models/index.ts';
import { type NetworkConfig, networkOf } from '../../onnx/network.ts';
import { answer } from '../../models/vit.ts';
import { inputStore, type ParamSpec, Scope } from '../../nn/scope.ts';
import { countMacs } from './countMacs.ts';

/** Classes that a model is described with of which only the name is known: ImageNet's. */
export const NAMED_CLASSES = 1000;

export interface ModelSize {
  /** Trained numbers; running statistics do not count. */
  readonly parameters: number;
  /** Multiply-accumulates of one image: convolutions and matrix products. */
  readonly macs: number;
}

/** Parameters and multiply-accumulates. */
export function modelSize(config: NetworkConfig): ModelSize {
  return sizeOfModel(networkOf(config));
}

export const sizeOfModel = (model: Model): ModelSize => sizeAndFeatures(model).size;

export function sizeAndFeatures(model: Model): { features: Features; size: ModelSize } {
  const store = inputStore();
  const pixels = input('pixel_values', [1, 3, model.imageSize, model.imageSize]);
  const features = model.build(new Scope(store, false), pixels);
  const trained = [...store.params.values()].filter(({ role }: ParamSpec) => role === 'param');
  return {
    features,
    size: {
      parameters: trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      macs: countMacs([answer(features)], pixels),
    },
  };
}
