import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unknownName } from '../graph/names.ts';
import { findFolder } from '../formats/atomicNode.ts';
import { checkWeights } from '../formats/matchNames.ts';
import { readModelFolder, type SavedModel } from '../formats/modelFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { buildModel, type Model, VARIANTS } from '../models/index.ts';
import { modelParams } from '../program/evalProgram.ts';

/** A model with weights, checked to fit each other. */
export interface LoadedModel extends SavedModel {
  /** The folder that it was read from. */
  readonly path: string;
  readonly network: Model;
}

/**
 * Loads a model reference: a run folder (its `model/`, else its best or last checkpoint), an exported folder, or a
 * checkpoint folder.
 */
export async function loadModelReference(reference: string): Promise<LoadedModel> {
  const path = await findModelFolder(reference);
  const saved = await readModelFolder(path);
  const network = buildModel(saved.model);
  checkWeights(path, modelParams(network), saved.weights);
  return { ...saved, path, network };
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
