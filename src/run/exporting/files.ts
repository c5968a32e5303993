import { input } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import { buildModel } from '../../models/index.ts';
import { answer } from '../../models/vit.ts';
import { emit } from '../../onnx/emit.ts';
import { halfPrecision } from '../../onnx/half.ts';
import { portable } from '../../onnx/portable.ts';
import { quantised } from '../../onnx/quantise.ts';
import { studentOf } from '../../onnx/network.ts';
import type { OnnxConfig } from '../../onnx/student/config.ts';
import { withValues } from '../../onnx/student/structure.ts';
import type { OnnxStudent } from '../../onnx/student/student.ts';
import { sigmoid } from '../../ops/elementwise.ts';
import { transpose } from '../../ops/movement.ts';
import { softmax } from '../../ops/softmax.ts';
import { answerProgram, buildFrozen } from '../../program/evalProgram.ts';
import { closeProgram, type Program } from '../../program/program.ts';

/** Kinds of ONNX files and the names that transformers.js looks for. */
export const ONNX_FILES = {
  fp32: 'onnx/model.onnx',
  fp16: 'onnx/model_fp16.onnx',
  q8: 'onnx/model_quantized.onnx',
} as const;

export type Dtype = keyof typeof ONNX_FILES;

export const DTYPES = Object.keys(ONNX_FILES) as Dtype[];

/** A prime that divides no extent of a real model: it stands for the open batch dimension while the graph is built. */
const OPEN_BATCH = 10007;

/**
 * Layers that keep float32 in a q8 file. Our choice: the patch embedding or stem and the heads, a small part of the weights; with
 * them in 8 bits the logits of small students moved more than twice as far.
 */
const KEPT = /^(patch_embed|conv1|stem|head|head_dist|fc)(\.|$)/;

/**
 * The ONNX file of a model: `pixel_values` float32 [batch,3,S,S] -> `logits` [batch,K], or of a model without a
 * classifier `embedding` [batch,D]; standard operators only. Of a network that came as ONNX it is that file, under its own names.
 */
export function onnxFile(saved: SavedModel, dtype: Dtype = 'fp32'): Uint8Array {
  if (saved.model.family === 'onnx') return usersFile(saved, saved.model, dtype);
  const program = portable(answerProgram(buildModel(saved.model), saved.weights, OPEN_BATCH));
  return emit(AS[dtype](program), { openBatch: OPEN_BATCH, metadata: { classes: JSON.stringify(saved.classes) } });
}

/**
 * A network of the user's own: their file with other weights. In fp16 or 8 bits the graph is ours, with the ports of that file.
 */
function usersFile({ weights, classes }: SavedModel, model: OnnxConfig, dtype: Dtype): Uint8Array {
  const student = studentOf(model);
  if (dtype === 'fp32') return withValues(student.file, weights);
  const { outer, ports } = student;
  const program = portable(closeProgram({ answer: answered(student, weights) }));
  const made = dtype === 'fp16' ? halfPrecision(program) : quantised(program, (label) => outer.has(label));
  const named = {
    inputs: new Map([[ports.input, made.inputs.get('image')!]]),
    outputs: new Map([[ports.output, made.outputs.get('answer')!]]),
  };
  return emit(named, { openBatch: OPEN_BATCH, metadata: { classes: JSON.stringify(classes) } });
}

/** What the file answers to an image as it takes it. */
function answered(student: OnnxStudent, weights: SavedModel['weights']): Tensor {
  const { imageSize: S, ports } = student;
  const image = input('image', ports.channelsLast ? [OPEN_BATCH, S, S, 3] : [OPEN_BATCH, 3, S, S]);
  const logits = answer(buildFrozen(student, ports.channelsLast ? transpose(image, [0, 3, 1, 2]) : image, weights));
  if (ports.through === 'softmax') return softmax(logits, 1);
  return ports.through === 'sigmoid' ? sigmoid(logits) : logits;
}

const AS: Readonly<Record<Dtype, (program: Program) => Program>> = {
  fp32: (program) => program,
  fp16: halfPrecision,
  q8: (program) => quantised(program, (label) => KEPT.test(label)),
};

/**
 * `fp32,q8` as a list without doubles; fp32 first, so that the file everyone can run is checked first.
 * @throws UserError if a name is unknown or none is given.
 */
export function parseDtypes(text: string): Dtype[] {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names)
    if (!(DTYPES as string[]).includes(name)) {
      if (name === '') throw new UserError(`dtype: wanted one or more of ${DTYPES.join(', ')}, got "${text}"`);
      throw unknownName('dtype', name, DTYPES);
    }
  return DTYPES.filter((dtype) => names.includes(dtype));
}
