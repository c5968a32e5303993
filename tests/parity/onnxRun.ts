import { expect } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ort } from '../../src/engine/onnxRuntimeNode.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { input } from '../../src/graph/build.ts';
import type { Features } from '../../src/models/features.ts';
import { OnnxFile } from '../../src/onnx/import/onnxFile.ts';
import { type OnnxModel, type OnnxOptions, onnxModel } from '../../src/onnx/import/onnxModel.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram, type Program } from '../../src/program/program.ts';
import { reduceSum } from '../../src/ops/reduce.ts';

export const engine = ortNode({ threads: 1 });

/** Runs a program whose only port is `pixels`. */
export async function run(program: Program, pixels: Float32Array): Promise<Map<string, Float32Array>> {
  const compiled = await engine.compile(program);
  const [port] = program.inputs.values();
  const into = Object.fromEntries([...program.outputs].map(([key, t]) => [key, engine.empty(t.dtype, t.shape)]));
  await compiled.run(port ? { pixels: engine.tensor('float32', port.shape, pixels) } : {}, into);
  const read = await Promise.all(
    Object.entries(into).map(async ([key, t]) => [key, Float32Array.from((await t.read()) as Float32Array)] as const),
  );
  await compiled.dispose();
  return new Map(read);
}

/** ONNX Runtime's own run of a file, its first output. */
export async function ownRun(bytes: Uint8Array, shape: readonly number[], pixels: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const found = await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', pixels, shape as number[]) });
  await session.release();
  return found[session.outputNames[0]!]!.data as Float32Array;
}

export function imported(bytes: Uint8Array, options: OnnxOptions = {}): OnnxModel {
  return onnxModel(new OnnxFile(bytes, 'file.onnx'), options);
}

/** A model's features on the port `pixels`. */
export function featuresOf(model: OnnxModel, batch: number): { features: Features; pixels: Tensor } {
  const pixels = input('pixels', [batch, 3, model.imageSize, model.imageSize]);
  return { features: buildFrozen(model, pixels, new Map()), pixels };
}

/**
 * Imports a file and runs it beside ONNX Runtime's own run; gives what the import computed, and the gradient of the sum of
 * squares-like weights to the pixels for callers that look at it.
 */
export async function agree(
  bytes: Uint8Array,
  shape: readonly number[],
  {
    tolerance = 1e-5,
    batch = shape[0]!,
    pixels,
    options = {},
  }: { tolerance?: number; batch?: number; pixels: Float32Array; options?: OnnxOptions },
): Promise<{ logits: Float32Array; gradient: Float32Array }> {
  const { features, pixels: port } = featuresOf(imported(bytes, options), batch);
  const [gradient] = grad(reduceSum(features.logits), [port]);
  const found = await run(closeProgram({ logits: features.logits, gradient: gradient! }), pixels);
  const own = await ownRun(bytes, shape, pixels);
  const largest = Math.max(1, ...Array.from(own, Math.abs));
  expect(found.get('logits')).toHaveLength(own.length);
  found.get('logits')!.forEach((x, i) => {
    expect(Math.abs(x - own[i]!), `logit ${i}: ${x}, not ${own[i]}`).toBeLessThan(tolerance * largest);
  });
  return { logits: found.get('logits')!, gradient: found.get('gradient')! };
}
