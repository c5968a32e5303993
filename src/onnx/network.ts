import { buildModel, type Model, type ModelConfig } from '../models/index.ts';
import type { OnnxConfig } from './student/config.ts';
import { type OnnxStudent, onnxStudent } from './student/student.ts';

/** The description of a network that can be trained: one of ours, or one of a user's own file. */
export type NetworkConfig = ModelConfig | OnnxConfig;

/** A file's graph is read once for each number of classes; configurations hold the same bytes. */
const read = new WeakMap<Uint8Array, Map<string, OnnxStudent>>();

/** @throws UserError where the settings do not fit together, or the file's head cannot be made one of the classes. */
export function networkOf(config: NetworkConfig, where?: string): Model {
  return config.family === 'onnx' ? studentOf(config, where) : buildModel(config);
}

export function studentOf(config: OnnxConfig, where?: string): OnnxStudent {
  const { network, ...said } = config;
  const known = read.get(network) ?? new Map<string, OnnxStudent>();
  read.set(network, known);
  const key = JSON.stringify(said);
  const found = known.get(key) ?? onnxStudent(config, where);
  known.set(key, found);
  return found;
}
