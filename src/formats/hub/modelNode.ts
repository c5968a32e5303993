import { join } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { readJsonFile } from '../disk/jsonFileNode.ts';
import { shardNames } from '../tensors/weightFiles.ts';
import { INDEX, ModelCache, WEIGHTS } from './cacheNode.ts';
import { findDamage } from './checkedNode.ts';
import { HubClient } from './clientNode.ts';
import { downloadBlob, type OnDownload } from './downloadNode.ts';
import { HubFailure, isPassing } from './errors.ts';
import { type HubReference, isCommit } from './reference.ts';
import type { HubSettings } from './settingsNode.ts';

/** A model of the Hub on this disk. */
export interface HubModel {
  /** Folder with config.json and weights; its files are links into the cache. */
  readonly folder: string;
  readonly notes: readonly string[];
}

/** The small files that say what a model is. */
const ABOUT = ['config.json', 'preprocessor_config.json'];

/**
 * Brings a model's config and safetensors into the cache, and nothing else of its repository. A whole copy of a commit, or
 * HF_HUB_OFFLINE, asks nobody; where the Hub cannot be reached a whole copy of the revision serves.
 * @throws UserError where the model is not there, not to be had, or has no safetensors.
 */
export async function fetchHubModel(
  model: HubReference,
  settings: HubSettings,
  onProgress: OnDownload = () => undefined,
): Promise<HubModel> {
  const cache = new ModelCache(settings.cacheDir, model.name);
  const damaged = await damageOf(cache, model);
  const cached = await cache.find(model);
  if (cached !== undefined && (settings.offline || isCommit(model.revision))) return { folder: cached, notes: [] };
  if (settings.offline)
    throw new UserError(
      `hf:${model.name}@${model.revision}: wanted a copy in ${settings.cacheDir}, got ${damaged ?? 'none or a part'}, and HF_HUB_OFFLINE forbids the network. Run it once with the network`,
    );
  try {
    return { folder: await update(new HubClient(settings, model), cache, model, settings, onProgress), notes: [] };
  } catch (error) {
    const failure = error instanceof UserError ? error.cause : undefined;
    if (cached === undefined || !(failure instanceof HubFailure) || !isPassing(failure)) throw error;
    return { folder: cached, notes: [`${settings.endpoint} cannot be reached: the copy in the cache is used`] };
  }
}

/** A file of the copy that was not what was downloaded; it is deleted, so that the copy is whole no more. */
async function damageOf(cache: ModelCache, model: HubReference): Promise<string | undefined> {
  const folder = await cache.find(model);
  const name = folder === undefined ? undefined : await findDamage(folder);
  return name && `one whose ${name} had another checksum (it was deleted)`;
}

async function update(
  client: HubClient,
  cache: ModelCache,
  { name, revision }: HubReference,
  settings: HubSettings,
  onProgress: OnDownload,
): Promise<string> {
  const { commit, files } = await client.resolve();
  const get = async (paths: readonly string[]) => {
    for (const file of await client.list(commit, paths)) {
      await downloadBlob(client, { commit, file, blob: cache.blob(file.hash) }, settings, onProgress);
      await cache.link(commit, file.path, file.hash);
    }
  };
  const weights = [WEIGHTS, INDEX].find((path) => files.includes(path));
  if (weights === undefined) throw withoutWeights(name, files);
  const about = ABOUT.filter((path) => files.includes(path));
  if (about.length > 0) await get(about);
  await get([weights]);
  const folder = cache.snapshot(commit);
  if (weights === INDEX) {
    const index = join(folder, INDEX);
    const shards = shardNames(await readJsonFile(index), index);
    const missing = shards.filter((shard) => !files.includes(shard));
    if (missing.length > 0)
      throw new UserError(`hf:${name}: wanted the shard ${missing[0]} that ${INDEX} names, got none`);
    await get(shards);
  }
  await cache.remember(revision, commit);
  return folder;
}

function withoutWeights(name: string, files: readonly string[]): UserError {
  const pickle = files.find((path) => /\.(bin|pth?|ckpt)$/.test(path) && !path.includes('/'));
  const got = pickle ?? (files.slice(0, 6).join(', ') || 'no files');
  const remedy =
    pickle === undefined
      ? 'Take another model'
      : `Download ${pickle} with config.json and convert it to safetensors; many models have them on a branch refs/pr/N (hf:${name}@refs/pr/N)`;
  return new UserError(`hf:${name}: wanted ${WEIGHTS} or ${INDEX}, got ${got}. ${remedy}`);
}
