import type { Engine } from '../../engine/contract.ts';
import { UserError } from '../../graph/errors.ts';
import { storedRun, storedRuns } from '../../host/web/storageWeb.ts';
import type { Described } from './described.ts';
import { type FilesByName, GivenFiles } from './givenFiles.ts';
import { loadGiven, trainableGiven } from './givenModel.ts';
import type { LoadedModel, OwnModel } from './loaded.ts';
import { loadModelFiles } from './modelFolderOf.ts';

/**
 * The files of a model by their names (picked, dropped or fetched): a folder of Understudy's, safetensors of timm or transformers
 * with their config.json, or an ONNX file; or the name of a run in this browser.
 */
export type ModelSource = string | FilesByName;

/** A model that answers. @throws UserError for whatever cannot be used as one. */
export function loadModelSource(
  source: ModelSource,
  { engine, described = {} }: { readonly engine: Engine; readonly described?: Described | undefined },
): Promise<LoadedModel> {
  return typeof source === 'string' ? loadRun(source) : loadGiven(given(source), { engine, described });
}

/** A model of weights, to be exported. @throws UserError for an ONNX file too. */
export function loadOwnModel(source: ModelSource): Promise<OwnModel> {
  return typeof source === 'string' ? loadRun(source) : trainableGiven(given(source));
}

/** What messages call files that were given. */
const given = (files: FilesByName): GivenFiles => new GivenFiles('the model given', files);

/** A run's model, else its best or last checkpoint. */
export async function loadRun(name: string): Promise<OwnModel> {
  const known = await storedRuns();
  if (!known.includes(name))
    throw new UserError(
      `model: wanted its files, or the name of a run in this browser (${known.join(', ') || 'there is none'}), got ${JSON.stringify(name)}`,
    );
  const files = await storedRun(name);
  for (const folder of ['model', 'checkpoints/best', 'checkpoints/last'])
    if (await files.read(`${folder}/config.json`))
      return loadModelFiles(name, (file) => files.read(`${folder}/${file}`));
  throw new UserError(`${name}: wanted a run with a model or a checkpoint, got one that had neither when it ended`);
}
