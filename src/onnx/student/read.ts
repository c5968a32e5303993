import { UserError } from '../../graph/errors.ts';
import { input } from '../../graph/build.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { inputStore, type ParamSpec, Scope } from '../../nn/scope.ts';
import type { OnnxFile } from '../import/onnxFile.ts';
import { type FeatureNames, onnxModel } from '../import/onnxModel.ts';
import type { OnnxConfig } from './config.ts';
import { checkNames, parametersOf } from './parameters.ts';
import { gradientProblems, problemsOf, refuse } from './refusals.ts';
import { withoutValues } from './structure.ts';
import { usageOf } from './usage.ts';

export interface ReadOptions {
  readonly imageSize?: number | undefined;
  readonly features?: FeatureNames | undefined;
  readonly constants?: readonly string[] | undefined;
}

/** A file taken apart: what is trained, and all else. */
export interface ReadStudent {
  readonly config: OnnxConfig;
  readonly weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
}

/**
 * Reads a file to be trained.
 * @throws UserError with all that stands in the way at once, or where it is no network of images at all.
 */
export function readStudent(
  file: OnnxFile,
  { imageSize, features = {}, constants = [] }: ReadOptions = {},
): ReadStudent {
  const outputs = file.graph.output.map(({ name }) => name ?? '');
  const early = [...new Set(outputs.flatMap((output) => nodeProblems(file, output, constants)))];
  const look = attempt(() => onnxModel(file, { imageSize, features }));
  if (look instanceof UserError) {
    refuse(file.where, early.length > 0 ? [...early, message(look, file)] : []);
    throw look;
  }
  const output = String(look.config.output);
  const parameters = parametersOf(file, usageOf(file, output), constants);
  checkNames(file.where, parameters.keys());
  const trained = attempt(() => trainedProblems(file, { imageSize, features, parameters }));
  refuse(file.where, [
    ...nodeProblems(file, output, constants),
    ...(trained instanceof UserError ? [message(trained, file)] : trained),
  ]);
  const weights = new Map(
    [...parameters.values()].map(({ name, shape }) => [name, { shape, data: valuesOf(file, name) }]),
  );
  const { imageSize: side, classes } = look;
  return {
    config: {
      ...{ family: 'onnx', imageSize: side, classes, constants: [...constants], modelType: 'onnx', fresh: false },
      features: Object.fromEntries(Object.entries(features).filter(([, value]) => value !== undefined)),
      network: withoutValues(file.bytes, parameters),
    },
    weights,
  };
}

const nodeProblems = (file: OnnxFile, output: string, constants: readonly string[]): string[] => {
  const usage = usageOf(file, output);
  return problemsOf(usage, parametersOf(file, usage, constants));
};

/** Builds a training pass, without running it, and looks whether gradients come through. */
function trainedProblems(
  file: OnnxFile,
  {
    parameters,
    ...options
  }: Pick<ReadOptions, 'imageSize' | 'features'> & { parameters: ReadonlyMap<string, ParamSpec> },
): string[] {
  const model = onnxModel(file, { ...options, trained: parameters });
  const tensors = new Map<Tensor, string>();
  const store = inputStore('', (spec) => {
    const made = input(spec.name, spec.shape);
    if (spec.role === 'param') tensors.set(made, spec.name);
    return made;
  });
  const { logits } = model.build(new Scope(store, true), input('pixels', [4, 3, model.imageSize, model.imageSize]));
  return gradientProblems([logits], tensors);
}

function attempt<T>(act: () => T): T | UserError {
  try {
    return act();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Without the file's name, which stands before the whole list. */
const message = ({ message }: UserError, { where }: OnnxFile): string =>
  (message.startsWith(`${where}: `) ? message.slice(where.length + 2) : message).replaceAll('\n', '\n  ');

function valuesOf(file: OnnxFile, name: string): Float32Array {
  const found =
    file.graph.initializer.find((one) => one.name === name) ??
    file.graph.node
      .find(({ opType, output }) => opType === 'Constant' && output[0] === name)
      ?.attribute.find((one) => one.name === 'value')?.t;
  return Float32Array.from(file.tensor(found!).data);
}
