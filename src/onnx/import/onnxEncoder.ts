import type { OnnxModel } from './onnxModel.ts';

/**
 * A network without classes: its output, or the value that was named as the pooled one, is its embedding. Of tokens and maps it
 * gives what it gave.
 */
export function asEncoder(model: OnnxModel, named: boolean): OnnxModel {
  const classifies = new Set<string>(['logits', 'placeLogits', 'pooled', 'embedding']);
  return {
    ...model,
    config: { ...model.config, classes: 0 },
    classes: 0,
    features: [...model.features.filter((name) => !classifies.has(name)), 'pooled', 'embedding'],
    multilabel: false,
    build: (scope, pixels) => {
      const { placeLogits: _, ...found } = model.build(scope, pixels);
      const embedding = named ? found.pooled! : found.logits;
      return { ...found, logits: embedding, pooled: embedding, embedding };
    },
  };
}
