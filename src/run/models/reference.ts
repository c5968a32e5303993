import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findFolder } from '../../formats/disk/atomicNode.ts';
import { checkFinite } from '../../formats/tensors/checkFinite.ts';
import type { ForeignModel } from '../../formats/foreignModel.ts';
import { readForeignModel } from '../../formats/foreignModelNode.ts';
import { readJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { checkWeights } from '../../formats/matchNames.ts';
import { readModelFolder } from '../../formats/modelFolderNode.ts';
import { isPickle, pickleError } from '../../formats/tensors/pickleNode.ts';
import type { ModelHints } from '../../formats/shapeReader.ts';
import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import { VARIANTS } from '../../models/index.ts';
import { networkOf } from '../../onnx/network.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { type DownloadProgress, downloadReference } from './hubReference.ts';
import { checkCount, type Described, hintsOf, refuseDescribed } from './described.ts';
import { withNames } from './givenClassesNode.ts';
import type { LoadedModel, OwnModel } from './loaded.ts';
import { loadOnnxPath, onnxPathOf } from './onnxReferenceNode.ts';

/** What is told while a model is loaded: how far a download is, and what was assumed about a foreign model. */
export type ModelEvent =
  | ({ readonly type: 'download' } & DownloadProgress)
  | { readonly type: 'note'; readonly message: string };

export type OnModel = (event: ModelEvent) => void;

export interface ReferenceOptions {
  /** Settings that win over what a foreign model's files say. */
  readonly hints?: ModelHints;
  /** What the files of a model that others have trained do not say. */
  readonly described?: Described | undefined;
  readonly onModel?: OnModel | undefined;
}

/**
 * Loads a model reference: a run folder (its `model/`, else its best or last checkpoint), an exported folder, a checkpoint
 * folder, a folder of transformers, timm or transformers.js, a `.safetensors` file, an `.onnx` file, or `hf:org/name[@revision]`.
 * @throws UserError for whatever cannot be used as a model.
 */
export async function loadModelReference(
  reference: string,
  { hints, described, onModel }: ReferenceOptions = {},
): Promise<LoadedModel> {
  const onnx = onnxPathOf(reference);
  if (onnx !== undefined) {
    const imported = await loadOnnxPath(onnx, described);
    for (const note of imported.notes) onModel?.({ type: 'note', message: `${imported.path}: ${note}` });
    return { ...imported, classes: composed(imported.classes) };
  }
  const downloaded = await downloadReference(reference, (progress) => onModel?.({ type: 'download', ...progress }));
  const stored = downloaded?.folder ?? (await findModel(reference));
  const saved = await readStored(stored, hints, described);
  const path = downloaded === undefined ? stored : reference;
  const network = networkOf(saved.model, path);
  checkWeights(path, modelParams(network), saved.weights);
  checkFinite(path, saved.weights);
  const notes = [...(downloaded?.notes ?? []), ...saved.notes];
  for (const note of notes) onModel?.({ type: 'note', message: `${path}: ${note}` });
  return { ...saved, classes: composed(saved.classes), notes, path, stored, network };
}

/** In one form of Unicode, as the names of data are (data/openDatasetNode.ts): classes are matched by name. */
const composed = (classes: readonly string[]): string[] => classes.map((name) => name.normalize('NFC'));

/** Reads what Understudy wrote, or else what others wrote. */
async function readStored(
  path: string,
  hints: ModelHints = {},
  described: Described = {},
): Promise<ForeignModel & Pick<LoadedModel, 'classesByIndex' | 'foreign'>> {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const [config, whole] = [join(folder, 'config.json'), folder === path || basename(path) === 'model.safetensors'];
  const own = whole && existsSync(config) && (await readJsonFile(config)).understudy !== undefined;
  if (own) {
    refuseDescribed(described, path);
    const notes: string[] = [];
    return { ...(await readModelFolder(folder, notes)), notes };
  }
  const said = hintsOf(withNames(described), path);
  const foreign = await readForeignModel(path, { ...hints, ...said.hints });
  checkCount(path, said.hints.labels, foreign.model.classes);
  return { ...foreign, foreign: true, classesByIndex: said.classesByIndex };
}

/** @throws UserError if the model is a network that was read from an ONNX file. */
export function trainable(loaded: LoadedModel): OwnModel {
  refuseOnnx(loaded.path);
  return loaded as OwnModel;
}

/** @throws UserError for an .onnx file, or a folder that has one and no weights, before it is read. */
export function refuseOnnx(reference: string): void {
  if (onnxPathOf(reference) !== undefined)
    throw new UserError(
      `${reference}: wanted a model of weights, got ${/\.onnx$/i.test(reference) ? 'an ONNX file' : 'a folder with an ONNX file and no weights'}. It can be trained (understudy train --model, distill --student), be a teacher (distill --teacher), and be evaluated, asked and inspected`,
    );
}

/** The folder or file of a reference. */
async function findModel(reference: string): Promise<string> {
  for (const part of ['', 'model', 'checkpoints/best', 'checkpoints/last']) {
    const folder = await findFolder(join(reference, part));
    if (folder !== undefined && existsSync(join(folder, 'config.json'))) return folder;
  }
  if (existsSync(reference)) return foundWithoutConfig(reference);
  if (reference in VARIANTS)
    throw new UserError(
      `${reference}: wanted a trained model, got the name of an architecture; train it first: understudy train --data DIR --model ${reference}`,
    );
  if (!/[/\\.:]/.test(reference)) throw unknownName('model or folder', reference, Object.keys(VARIANTS));
  throw new UserError(
    `${reference}: no such folder; wanted a run folder, an exported model folder, a .safetensors or .onnx file, or hf:org/name`,
  );
}

/** A .safetensors file or a folder with one; a pickle is told how to become one. */
async function foundWithoutConfig(path: string): Promise<string> {
  if (statSync(path).isDirectory()) {
    if (['model.safetensors', 'model.safetensors.index.json'].some((name) => existsSync(join(path, name)))) return path;
    throw new UserError(
      `${path}: wanted a run folder or an exported model folder, got a folder without config.json, model/ or checkpoints/, and without model.safetensors or model.onnx`,
    );
  }
  if (path.endsWith('.safetensors')) return path;
  if (await isPickle(path)) throw pickleError(path);
  throw new UserError(
    `${path}: wanted a run folder, an exported model folder or a .safetensors file, got a file of another kind`,
  );
}
