import './noTelemetryNode.ts';
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import { UserError } from '../graph/errors.ts';

export type * as Ort from 'onnxruntime-node';

const PACKAGE = 'onnxruntime-node';

/** ONNX Runtime, as it is loaded everywhere here: what must be said before it wakes up is said. */
export const ort: typeof OnnxRuntime = loadRuntime(createRequire(import.meta.url));

/**
 * It is an optional dependency, so that an install does not fail where its script cannot download files for CUDA: npm then leaves
 * the whole package out, though the CPU needs none of them.
 * @throws UserError that says how to install it, or why it cannot be loaded.
 */
export function loadRuntime(require: NodeJS.Require): typeof OnnxRuntime {
  try {
    require.resolve(PACKAGE);
  } catch {
    throw new UserError(
      `ONNX Runtime: wanted the npm package ${PACKAGE}, got none. npm leaves it out where its install script cannot download files for CUDA; nothing else needs them. Without them, in the folder of your package.json:\n  npm install --ignore-scripts\nOf a global install: npm install --global --ignore-scripts understudy`,
    );
  }
  try {
    return require(PACKAGE) as typeof OnnxRuntime;
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new UserError(
      `ONNX Runtime: wanted the npm package ${PACKAGE} to load on ${process.platform} ${process.arch}, got: ${reason}`,
    );
  }
}
