import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readJsonFile } from './disk/jsonFileNode.ts';
import { type ForeignHints, type ForeignModel, foreignModel } from './foreignModel.ts';
import { openWeights } from './tensors/weightFilesNode.ts';

/**
 * Reads a folder with safetensors and a config.json of transformers or timm, or a bare .safetensors file (with the config.json
 * beside it, if there is one), as `foreignModel`.
 * @throws UserError for whatever cannot be read.
 */
export async function readForeignModel(path: string, asked: ForeignHints = {}): Promise<ForeignModel> {
  const dir = statSync(path).isDirectory() ? path : dirname(path);
  const where = (name: string) => join(dir, name);
  const json = async (name: string) => (existsSync(where(name)) ? readJsonFile(where(name)) : undefined);
  return foreignModel({ path, where, weights: () => openWeights(path), json }, asked);
}
