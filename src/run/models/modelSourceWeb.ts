import { UserError } from '../../graph/errors.ts';
import { storedRun, storedRuns } from '../../host/web/storageWeb.ts';
import type { OwnModel } from './loaded.ts';
import { loadModelFiles } from './modelWeb.ts';

/** A model folder of Understudy's, as files by their names (an exported folder, picked or fetched), or the name of a run in this browser. */
export type ModelSource = string | Readonly<Record<string, Blob | Uint8Array>>;

/** @throws UserError for whatever cannot be used as a model. */
export async function loadModelSource(source: ModelSource): Promise<OwnModel> {
  if (typeof source !== 'string')
    return loadModelFiles('the model given', async (name) => {
      const file = source[name];
      return file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file;
    });
  const known = await storedRuns();
  if (!known.includes(source))
    throw new UserError(
      `model: wanted its files, or the name of a run in this browser (${known.join(', ') || 'there is none'}), got ${JSON.stringify(source)}`,
    );
  const files = await storedRun(source);
  return loadModelFiles(source, (name) => files.read(`model/${name}`));
}
