import { type Ort, ort } from '../../engine/onnxRuntimeNode.ts';
import { append } from '../../graph/lists.ts';
import { checkAnswer } from '../../engine/finiteAnswer.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { answerName, answerProgram } from '../../program/evalProgram.ts';
import type { Rows } from './agreement.ts';
import type { FilePorts } from '../../onnx/import/filePorts.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { OWN_PORTS, portsOf } from './ports.ts';

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
 * Our own forward pass, one image at a time: of inputs [3,S,S] the logits, or what the model's file makes of them; of a model without a
 * classifier its embedding.
 * @param image what an input is called in messages.
 * @throws UserError where a number is NaN or infinite.
 */
export async function ownRows(model: LoadedModel, inputs: Inputs, image = randomImage): Promise<Rows> {
  const engine = ortNode();
  const program = answerProgram(model.network, model.weights, 1);
  const [compiled, name] = [await engine.compile(program), answerName(model.network)];
  const answer = engine.empty('float32', program.outputs.get(name)!.shape);
  const through = THROUGH[portsOf(model.network).through ?? 'logits'];
  const side = model.preprocessing.imageSize;
  const rows: Float32Array[] = [];
  for (const [i, input] of inputs.entries()) {
    await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, side, side], input) }, { [name]: answer });
    const row = ((await answer.read()) as Float32Array).slice();
    checkAnswer(row, name, model.path, image(i));
    rows.push(through(row));
  }
  await compiled.dispose();
  return rows;
}

/** What a file answers, of its logits. */
const THROUGH = {
  logits: (row: Float32Array) => row,
  sigmoid: (row: Float32Array) => row.map((z) => 1 / (1 + Math.exp(-z))),
  softmax: (row: Float32Array) => {
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = row.reduce((total, z) => total + Math.exp(z - most), 0);
    return row.map((z) => Math.exp(z - most) / sum);
  },
} as const;

/** Answers of an ONNX file, run by ONNX Runtime alone; the sizes of the batches take turns where the batch of the file is open. */
export async function fileRows(
  file: Uint8Array,
  inputs: Inputs,
  side: number,
  batches: readonly number[],
  { InferenceSession, Tensor }: OrtModule = ort as unknown as OrtModule,
  options: Ort.InferenceSession.SessionOptions = { executionProviders: ['cpu'], logSeverityLevel: 3 },
  ports: FilePorts = OWN_PORTS,
): Promise<Rows> {
  const session = await InferenceSession.create(file, options);
  const rows: Float32Array[] = [];
  for (let at = 0, turn = 0; at < inputs.length; turn++) {
    const size = ports.batch ?? batches[turn % batches.length]!;
    const part = inputs.slice(at, at + size);
    // A file for one batch size gets the last image again.
    const full =
      ports.batch === undefined ? part : [...part, ...new Array<Float32Array>(size - part.length).fill(part.at(-1)!)];
    const found = await session.run({ [ports.input]: imageTensor(Tensor, full, side, ports) });
    append(rows, unstack(found[ports.output] as Ort.Tensor).slice(0, part.length));
    at += part.length;
  }
  await session.release();
  return rows;
}

function imageTensor(Tensor: OrtModule['Tensor'], part: Inputs, side: number, { channelsLast }: FilePorts): Ort.Tensor {
  if (!channelsLast) return new Tensor('float32', joined(part), [part.length, 3, side, side]);
  const turned = part.map((input) => {
    const area = side * side;
    return Float32Array.from({ length: 3 * area }, (_, i) => input[(i % 3) * area + Math.floor(i / 3)]!);
  });
  return new Tensor('float32', joined(turned), [part.length, side, side, 3]);
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
