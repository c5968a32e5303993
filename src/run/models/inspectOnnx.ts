import { statSync } from 'node:fs';
import { input } from '../../graph/build.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import type { Stage } from '../../onnx/import/stages.ts';
import { countMacs } from './countMacs.ts';
import type { Described } from './described.ts';
import { readOnnxPath } from './onnxReferenceNode.ts';

/** Stages of an imported network with the values that can be their maps, the one that is taken last. */
export interface OnnxInspection {
  readonly stages: readonly Stage[];
  readonly notes: readonly string[];
}

/** Looks at an ONNX file. Class names and normalisation may be unknown. */
export function lookAtOnnx(path: string, given: Described) {
  const { network, classes, preprocessing } = readOnnxPath(path, given);
  const { imageSize, fixedBatch = 1 } = network;
  const pixels = input('pixel_values', [fixedBatch, 3, imageSize, imageSize]);
  const features = buildFrozen(network, pixels, new Map());
  return {
    network,
    features,
    config: { ...network.config, family: 'onnx' as const, imageSize, classes: network.classes },
    classes: Array.isArray(classes) ? (classes as readonly string[]) : [],
    preprocessing: preprocessing ?? null,
    bytesOnDisk: statSync(path).size + network.externalBytes,
    size: { parameters: network.parameters, macs: countMacs([features.logits], pixels) / fixedBatch },
    found: { stages: network.stages, notes: network.notes },
  };
}
