import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Preprocessing } from '../../formats/savedModel.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { METHODS, type MethodName } from '../../methods/index.ts';
import type { Method } from '../../methods/method.ts';
import {
  buildModel,
  type Features,
  type Model,
  type ModelConfig,
  VARIANTS,
  variantConfig,
} from '../../models/index.ts';
import { type NetworkConfig, networkOf } from '../../onnx/network.ts';
import { lookAtOnnx, type OnnxInspection } from './inspectOnnx.ts';
import { loadModelReference, type OnModel, trainable } from './reference.ts';
import type { ImportedConfig } from './loaded.ts';
import { type Described, refuseDescribed } from './described.ts';
import { onnxPathOf } from './onnxReferenceNode.ts';
import { type ModelSize, NAMED_CLASSES, sizeAndFeatures } from './size.ts';

/** A feature that methods can tap: its shape with batch B, and how many there are (one a block, or by stage). */
export interface FeatureReport {
  readonly name: string;
  /** For a list by block its length; else 1. */
  readonly count: number;
  /** Shape of each by name: `` for a single one or one shape of all, the stage for maps, `0-10` where they differ. */
  readonly shapes: Readonly<Record<string, readonly (number | 'B')[]>>;
}

export interface Inspection extends ModelSize {
  readonly model: string;
  readonly family: string;
  readonly config: ModelConfig | ImportedConfig;
  /** Bytes of the model's files; null for a name. */
  readonly bytesOnDisk: number | null;
  /** Empty for a name. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing | null;
  readonly features: readonly FeatureReport[];
  /** Methods, with their default settings, that can use it. */
  readonly asStudent: readonly MethodName[];
  readonly asTeacher: readonly MethodName[];
  /** Of an .onnx file: the values that can be features. */
  readonly onnx?: OnnxInspection;
}

/** Looks at a trained model, or at one of `understudy list models` by its name. Nothing is run. */
export async function inspectModel(
  ref: string,
  { described = {}, onModel }: { readonly described?: Described; readonly onModel?: OnModel } = {},
): Promise<Inspection> {
  const onnx = onnxPathOf(ref);
  if (onnx !== undefined) return inspectOnnx(onnx, described);
  if (Object.hasOwn(VARIANTS, ref) && !existsSync(ref)) {
    refuseDescribed(described, ref);
    const config = variantConfig(ref, { classes: NAMED_CLASSES });
    return { model: ref, ...describeConfig(config), bytesOnDisk: null, classes: [], preprocessing: null };
  }
  const { path, stored, model, classes, preprocessing } = trainable(
    await loadModelReference(ref, { onModel, described }),
  );
  return { model: path, ...describeConfig(model), bytesOnDisk: bytesBelow(stored), classes, preprocessing };
}

function inspectOnnx(path: string, described: Described): Inspection {
  const { network, features, size, found, ...rest } = lookAtOnnx(path, described);
  return {
    model: path,
    family: network.family,
    ...rest,
    ...size,
    features: network.features.map((name) => featureReport(name, features[name])),
    asStudent: [],
    asTeacher: teaching(network),
    onnx: found,
  };
}

function describeConfig(config: NetworkConfig) {
  const model = networkOf(config);
  const { features, size } = sizeAndFeatures(model);
  return {
    family: config.family,
    // Without the bytes of a network.
    config: config.family === 'onnx' ? (model.config as unknown as ImportedConfig) : config,
    ...size,
    features: model.features.map((name) => featureReport(name, features[name])),
    ...fittingMethods(config, model),
  };
}

function featureReport(name: string, value: unknown): FeatureReport {
  const shape = (tensor: Tensor) => ['B' as const, ...tensor.shape.slice(1)];
  if (name === 'normStats') {
    const stats = value as NonNullable<Features['normStats']>;
    return { name, count: stats.length, shapes: { '': shape(stats[0]!.input) } };
  }
  if (name === 'dense')
    return { name, count: 1, shapes: { '': shape((value as NonNullable<Features['dense']>).tokens) } };
  if (Array.isArray(value)) return { name, count: value.length, shapes: byBlock((value as Tensor[]).map(shape)) };
  if ('node' in (value as object)) return { name, count: 1, shapes: { '': shape(value as Tensor) } };
  const stages = Object.entries(value as Record<string, Tensor>);
  return {
    name,
    count: stages.length,
    shapes: Object.fromEntries(stages.map(([stage, tensor]) => [stage, shape(tensor)])),
  };
}

/** One shape under ``, or where blocks differ each run of like ones under its blocks. */
function byBlock<S extends readonly unknown[]>(shapes: readonly S[]): Record<string, S> {
  const runs: { from: number; to: number; shape: S }[] = [];
  shapes.forEach((shape, block) => {
    const run = runs.at(-1);
    if (run && run.shape.join() === shape.join()) run.to = block;
    else runs.push({ from: block, to: block, shape });
  });
  if (runs.length === 1) return { '': runs[0]!.shape };
  return Object.fromEntries(runs.map(({ from, to, shape }) => [from === to ? `${from}` : `${from}-${to}`, shape]));
}

/** A student is first shaped as the method asks (a distillation token, say), as a run does. */
function fittingMethods(config: NetworkConfig, model: Model): { asStudent: MethodName[]; asTeacher: MethodName[] } {
  const names = Object.keys(METHODS) as MethodName[];
  const settingsOf = (method: Method) => method.config.parse({});
  const asStudent = names.filter((name) => {
    const method = METHODS[name] as Method;
    const shape = config.family === 'vit' ? method.shapeStudent?.(settingsOf(method), config, undefined) : undefined;
    const shaped = shape ? buildModel({ ...config, ...shape } as ModelConfig) : model;
    return method.needs(settingsOf(method)).student.every((feature) => shaped.features.includes(feature));
  });
  return { asStudent, asTeacher: teaching(model) };
}

function teaching(model: Model): MethodName[] {
  return (Object.keys(METHODS) as MethodName[]).filter((name) => {
    const method = METHODS[name] as Method;
    const { teacher } = method.needs(method.config.parse({}));
    return teacher.length > 0 && teacher.every((feature) => model.features.includes(feature));
  });
}

/** Links count as the files that they lead to: a downloaded model consists of them. */
function bytesBelow(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  const paths = readdirSync(path, { recursive: true, withFileTypes: true }).map((one) =>
    join(one.parentPath, one.name),
  );
  const files = paths.map((one) => statSync(one, { throwIfNoEntry: false })).filter((stat) => stat?.isFile());
  return files.reduce((sum, stat) => sum + stat!.size, 0);
}
