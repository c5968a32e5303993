import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { readJsonFile } from '../disk/jsonFileNode.ts';
import { isPickle, pickleError } from './pickleNode.ts';
import { readSafetensors, readSafetensorsHeader } from './safetensorsNode.ts';
import { INDEX, openShards, shardNames, SINGLE, type WeightFiles } from './weightFiles.ts';

/**
 * Opens the weights of a folder (model.safetensors, or its shards) or a single file, without reading their data.
 * @throws UserError if there are none, they are malformed, or they are a pickle.
 */
export async function openWeights(path: string): Promise<WeightFiles> {
  const files = statSync(path).isDirectory() ? await filesOf(path) : [path];
  return openShards(
    files.map((file) => ({
      where: file,
      header: async () => {
        if (await isPickle(file)) throw pickleError(file);
        return readSafetensorsHeader(file);
      },
      tensors: () => readSafetensors(file),
    })),
  );
}

async function filesOf(dir: string): Promise<string[]> {
  const single = join(dir, SINGLE);
  if (existsSync(single)) return [single];
  if (existsSync(join(dir, INDEX)))
    return shardNames(await readJsonFile(join(dir, INDEX)), join(dir, INDEX)).map((name) => present(dir, name));
  const pickles = readdirSync(dir).filter((name) => /\.(bin|pth?|ckpt)$/i.test(name) && !name.endsWith('.index.json'));
  if (pickles[0] !== undefined) throw pickleError(join(dir, pickles[0]));
  throw new UserError(`${dir}: wanted model.safetensors or ${INDEX} with its shards, got neither`);
}

function present(dir: string, name: string): string {
  const path = join(dir, name);
  if (existsSync(path)) return path;
  throw new UserError(`${join(dir, INDEX)}: the shard ${name} is missing; copy or download it too`);
}
