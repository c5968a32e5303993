import { type Ort, ort } from '../../engine/onnxRuntimeNode.ts';
import { append } from '../../graph/lists.ts';
import { checkAnswer } from '../../engine/finiteAnswer.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import type { Rows } from './agreement.ts';
import type { LoadedModel } from '../models/loaded.ts';

type Inputs = readonly Float32Array[];

/** What is common to onnxruntime-node and onnxruntime-web. */
export interface OrtModule {
  readonly Tensor: typeof Ort.Tensor;
  readonly InferenceSession: {
    create(file: Uint8Array, options?: Ort.InferenceSession.SessionOptions): Promise<OrtSession>;
  };
}

interface OrtSession {
  run(feeds: Record<string, Ort.Tensor>): Promise<Ort.InferenceSession.OnnxValueMapType>;
  release(): Promise<void>;
}

const randomImage = (index: number): string => `image ${index + 1} of random numbers`;

/**
 * Our own forward pass, one image at a time: logits of inputs [3,S,S].
 * @param image what an input is called in messages.
 * @throws UserError where a logit is NaN or infinite.
 */
export async function ownRows(model: LoadedModel, inputs: Inputs, image = randomImage): Promise<Rows> {
  const engine = ortNode();
  const compiled = await engine.compile(frozenProgram(model.network, model.weights, 1));
  const logits = engine.empty('float32', [1, model.classes.length]);
  const side = model.preprocessing.imageSize;
  const rows: Float32Array[] = [];
  for (const [i, input] of inputs.entries()) {
    await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, side, side], input) }, { logits });
    const row = ((await logits.read()) as Float32Array).slice();
    checkAnswer(row, 'logits', model.path, image(i));
    rows.push(row);
  }
  await compiled.dispose();
  return rows;
}

/** Logits of an ONNX file, run by ONNX Runtime alone; the sizes of the batches take turns, as the batch of the file is open. */
export async function fileRows(
  file: Uint8Array,
  inputs: Inputs,
  side: number,
  batches: readonly number[],
  { InferenceSession, Tensor }: OrtModule = ort as unknown as OrtModule,
  options: Ort.InferenceSession.SessionOptions = { executionProviders: ['cpu'], logSeverityLevel: 3 },
): Promise<Rows> {
  const session = await InferenceSession.create(file, options);
  const rows: Float32Array[] = [];
  for (let at = 0, turn = 0; at < inputs.length; turn++) {
    const part = inputs.slice(at, at + batches[turn % batches.length]!);
    const dims = [part.length, 3, side, side];
    const { logits } = await session.run({ pixel_values: new Tensor('float32', joined(part), dims) });
    append(rows, unstack(logits as Ort.Tensor));
    at += part.length;
  }
  await session.release();
  return rows;
}

export function joined(part: Inputs): Float32Array {
  const pixels = new Float32Array(part.reduce((sum, input) => sum + input.length, 0));
  for (const [i, input] of part.entries()) pixels.set(input, i * input.length);
  return pixels;
}

/** The rows of logits [B,K]. */
export function unstack({ data, dims }: { readonly data: unknown; readonly dims: readonly number[] }): Float32Array[] {
  const [B, K] = dims as [number, number];
  return Array.from({ length: B }, (_, i) => (data as Float32Array).slice(i * K, (i + 1) * K));
}
