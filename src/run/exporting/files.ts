import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import { buildModel } from '../../models/index.ts';
import { emit } from '../../onnx/emit.ts';
import { halfPrecision } from '../../onnx/half.ts';
import { portable } from '../../onnx/portable.ts';
import { quantised } from '../../onnx/quantise.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import type { Program } from '../../program/program.ts';

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

/** The ONNX file of a model: `pixel_values` float32 [batch,3,S,S] -> `logits` [batch,K], standard operators only. */
export function onnxFile(saved: SavedModel, dtype: Dtype = 'fp32'): Uint8Array {
  const program = portable(frozenProgram(buildModel(saved.model), saved.weights, OPEN_BATCH));
  return emit(AS[dtype](program), { openBatch: OPEN_BATCH, metadata: { classes: JSON.stringify(saved.classes) } });
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
