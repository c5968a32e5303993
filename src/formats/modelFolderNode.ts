import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { writeFileAtomic } from './disk/atomicNode.ts';
import { readJsonFile } from './disk/jsonFileNode.ts';
import { makeFolder } from './disk/makeFolderNode.ts';
import { type ContentsOptions, modelContents } from './modelContents.ts';
import { readModelFiles } from './modelFiles.ts';
import { readSafetensors } from './tensors/safetensorsNode.ts';
import type { SavedModel } from './savedModel.ts';

/** Writes a model folder (Hugging Face layout) into an existing or new folder, as `modelContents`. */
export async function writeModelFolder(dir: string, saved: SavedModel, options: ContentsOptions = {}): Promise<void> {
  makeFolder(dir);
  for (const [path, content] of modelContents(saved, options)) await writeFileAtomic(join(dir, path), content);
}

/** Reads a folder that `writeModelFolder` wrote; `notes` are told what was changed of it. */
export const readModelFolder = (dir: string, notes: string[] = []): Promise<SavedModel> =>
  readModelFiles(
    {
      where: (name) => join(dir, name),
      json: (name) => readJson(join(dir, name)),
      safetensors: (name) => readSafetensors(join(dir, name)),
      bytes: async (name) => (existsSync(join(dir, name)) ? readFile(join(dir, name)) : undefined),
    },
    notes,
  );

async function readJson(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path))
    throw new UserError(
      `${path}: the file is missing; a model folder has config.json, preprocessor_config.json and model.safetensors`,
    );
  return readJsonFile(path);
}
