import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unknownName } from '../graph/names.ts';
import { findFolder } from '../formats/atomicNode.ts';
import { checkWeights } from '../formats/matchNames.ts';
import { readModelFolder, type SavedModel } from '../formats/modelFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { buildModel, type Model, type ModelConfig, VARIANTS } from '../models/index.ts';
import { modelParams } from '../program/evalProgram.ts';
import { isOnnxReference, loadOnnxReference, type OnnxGiven } from './onnxReference.ts';

/** The description of a network that was read from an ONNX file: it cannot be built anew from it. */
export interface ImportedConfig {
  readonly family: 'onnx';
  readonly imageSize: number;
  readonly classes: number;
}

/** A model with weights, checked to fit each other. */
export interface LoadedModel extends Omit<SavedModel, 'model'> {
  readonly model: ModelConfig | ImportedConfig;
  /** Its classes are numbers, which stand for the data's in their order (see onnxReference.ts). */
  readonly classesByIndex?: boolean;
  /** The folder that it was read from. */
  readonly path: string;
  readonly network: Model;
}

/**
 * Loads a model reference: a run folder (its `model/`, else its best or last checkpoint), an exported folder, or a
 * checkpoint folder. Or an .onnx file, about which `onnx` says what the files beside it do not.
 */
export async function loadModelReference(
  reference: string,
  { onnx }: { readonly onnx?: OnnxGiven } = {},
): Promise<LoadedModel> {
  if (isOnnxReference(reference)) return loadOnnxReference(reference, onnx);
  const path = await findModelFolder(reference);
  const saved = await readModelFolder(path);
  const network = buildModel(saved.model);
  checkWeights(path, modelParams(network), saved.weights);
  return { ...saved, path, network };
}

/** A loaded network of ours, which can be trained and exported. */
export type OwnModel = LoadedModel & SavedModel;

/** @throws UserError if the model is a network that was read from an ONNX file. */
export function trainable(loaded: LoadedModel): OwnModel {
  if (loaded.model.family !== 'onnx') return loaded as OwnModel;
  throw new UserError(
    `${loaded.path}: wanted a model of Understudy's own to train or to export, got an ONNX file. It can be a teacher (understudy distill --teacher), and be evaluated, asked and inspected`,
  );
}

async function findModelFolder(reference: string): Promise<string> {
  for (const part of ['', 'model', 'checkpoints/best', 'checkpoints/last']) {
    const folder = await findFolder(join(reference, part));
    if (folder !== undefined && existsSync(join(folder, 'config.json'))) return folder;
  }
  if (reference in VARIANTS)
    throw new UserError(
      `${reference}: wanted a trained model, got the name of an architecture; train it first: understudy train --data DIR --model ${reference}`,
    );
  if (existsSync(reference)) {
    const what = statSync(reference).isDirectory() ? 'a folder without config.json, model/ or checkpoints/' : 'a file';
    throw new UserError(`${reference}: wanted a run folder or an exported model folder, got ${what}`);
  }
  if (!/[/\\.]/.test(reference)) throw unknownName('model or folder', reference, Object.keys(VARIANTS));
  throw new UserError(`${reference}: no such folder; wanted a run folder or an exported model folder`);
}
