import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unknownName } from '../graph/names.ts';
import { replaceFolderAtomic, writeFileAtomic } from '../formats/atomicNode.ts';
import { fileError } from '../formats/fileErrorNode.ts';
import { type SavedModel, writeModelFolder } from '../formats/modelFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { buildModel } from '../models/index.ts';
import { emit } from '../onnx/emit.ts';
import { portable } from '../onnx/portable.ts';
import { frozenProgram } from '../program/evalProgram.ts';
import { type Agreement, compareOnnx, randomImages, realImages } from './compareOnnx.ts';
import { openEvaluationData } from './evaluationData.ts';
import { modelCard } from './modelCard.ts';
import { type LoadedModel, loadModelReference, trainable } from './modelReference.ts';

/** A prime that divides no extent of a real model: it stands for the open batch dimension while the graph is built. */
const OPEN_BATCH = 10007;

/** Largest difference of a logit between the exported file and our own forward pass. */
const TOLERANCE = 1e-3;

export interface ExportOptions {
  /** New or empty folder. */
  readonly out: string;
  /** Folder of images in class folders: the file is checked on some of them too. */
  readonly data?: string;
  /** Only fp32 in this version. */
  readonly dtype?: string;
  /** Called once everything has been checked, before anything is built or written. */
  readonly onStart?: () => void;
}

export interface ExportReport {
  readonly out: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** The ONNX file, run by ONNX Runtime alone, against our own forward pass. */
  readonly check: { readonly random: Agreement; readonly real?: Agreement };
}

/**
 * Exports a model in the Hugging Face layout: config.json, preprocessor_config.json, model.safetensors, onnx/model.onnx and a
 * model card. The ONNX file is checked against our own forward pass before anything is written.
 * @throws UserError if the model cannot be loaded, `out` is not empty, or a logit differs by more than 1e-3.
 */
export async function exportModel(
  ref: string | LoadedModel,
  { out, data, dtype = 'fp32', onStart }: ExportOptions,
): Promise<ExportReport> {
  checkDtype(dtype);
  refuseUsed(out);
  const model = trainable(typeof ref === 'string' ? await loadModelReference(ref) : ref);
  const images =
    data === undefined ? undefined : await openEvaluationData(model, typeof ref === 'string' ? ref : ref.path, data);
  onStart?.();
  const file = onnxFile(model);
  const random = await compareOnnx(model, file, randomImages(model));
  const real = images && (await compareOnnx(model, file, await realImages(model, images.list)));
  for (const found of [random, real]) if (found && !(found.largestDifference <= TOLERANCE)) throw differs(model, found);
  await writeExport(out, model, file);
  return { out, files: filesBelow(out), check: { random, ...(real ? { real } : {}) } };
}

/** The ONNX file of a model: `pixel_values` float32 [batch,3,S,S] -> `logits` [batch,K], standard operators only. */
export function onnxFile(saved: SavedModel): Uint8Array {
  const program = portable(frozenProgram(buildModel(saved.model), saved.weights, OPEN_BATCH));
  return emit(program, { openBatch: OPEN_BATCH, metadata: { classes: JSON.stringify(saved.classes) } });
}

/** Writes an exported model folder (Hugging Face layout), whole or not at all. */
export async function writeExport(dir: string, saved: SavedModel, onnx: Uint8Array = onnxFile(saved)): Promise<void> {
  await replaceFolderAtomic(dir, async (folder) => {
    await writeModelFolder(folder, saved);
    await mkdir(join(folder, 'onnx'), { recursive: true });
    await writeFileAtomic(join(folder, 'onnx', 'model.onnx'), onnx);
    await writeFileAtomic(join(folder, 'README.md'), modelCard(saved));
  });
}

function checkDtype(dtype: string): void {
  if (dtype === 'fp32') return;
  const later = ['fp16', 'q8'];
  if (dtype.split(',').every((one) => one === 'fp32' || later.includes(one)))
    throw new UserError(`dtype ${dtype}: only fp32 is available in this version. Leave --dtype out`);
  throw unknownName('dtype', dtype, ['fp32']);
}

function refuseUsed(out: string): void {
  try {
    const found = statSync(out, { throwIfNoEntry: false });
    if (!found) return;
    if (!found.isDirectory())
      throw new UserError(`${out}: wanted a new or empty folder to export to, got a file. Choose another --out`);
    const names = readdirSync(out);
    if (names.length > 0)
      throw new UserError(
        `${out}: wanted a new or empty folder to export to, got ${names.slice(0, 4).join(', ')}${names.length > 4 ? ', ...' : ''}. Choose another --out, or delete it`,
      );
  } catch (error) {
    throw fileError(error, out, 'export to it');
  }
}

function differs(model: LoadedModel, { largestDifference, images }: Agreement): UserError {
  return new UserError(
    `${model.path}: the exported ONNX file does not compute what the model does: wanted logits within ${TOLERANCE} of our own on ${images} images, got a difference of ${largestDifference}. Nothing was written. Weights that are huge or not finite are the usual cause; otherwise please report it`,
  );
}

function filesBelow(dir: string): { path: string; bytes: number }[] {
  if (!existsSync(dir)) return [];
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => ({ path, bytes: statSync(path).size }));
}
