import { existsSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../disk/atomicNode.ts';
import { fileError } from '../disk/fileErrorNode.ts';
import { readJsonFile } from '../disk/jsonFileNode.ts';
import { shardNames } from '../tensors/weightFiles.ts';
import { type HubReference, isCommit } from './reference.ts';

export const WEIGHTS = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';

/**
 * A model's folder in the cache, laid out as huggingface_hub does: blobs/<hash>, snapshots/<commit>/<file> as links to them,
 * refs/<revision> with the commit.
 */
export class ModelCache {
  readonly #folder: string;

  constructor(cacheDir: string, name: string) {
    this.#folder = join(cacheDir, `models--${name.replace('/', '--')}`);
  }

  snapshot(commit: string): string {
    return join(this.#folder, 'snapshots', commit);
  }

  blob(hash: string): string {
    return join(this.#folder, 'blobs', hash);
  }

  /** The folder of a revision where all that a model needs is there. */
  async find({ revision }: HubReference): Promise<string | undefined> {
    const commit = isCommit(revision) ? revision : this.#commitOf(revision);
    if (commit === undefined) return undefined;
    const folder = this.snapshot(commit);
    return (await isWhole(folder)) ? folder : undefined;
  }

  async remember(revision: string, commit: string): Promise<void> {
    if (!isCommit(revision) && this.#commitOf(revision) !== commit)
      await writeFileAtomic(join(this.#folder, 'refs', revision), commit);
  }

  /** Puts a blob under its name into a snapshot; a copy where links cannot be made. */
  async link(commit: string, file: string, hash: string): Promise<void> {
    const [from, to] = [this.blob(hash), join(this.snapshot(commit), file)];
    try {
      await mkdir(dirname(to), { recursive: true });
      await rm(to, { force: true });
      await symlink(relative(dirname(to), from), to).catch(() => copyFile(from, to));
    } catch (error) {
      throw fileError(error, to, 'write it');
    }
  }

  #commitOf(revision: string): string | undefined {
    const path = join(this.#folder, 'refs', revision);
    if (!existsSync(path) || !statSync(path).isFile()) return undefined;
    const commit = readFileSync(path, 'utf8').trim();
    return isCommit(commit) ? commit : undefined;
  }
}

/** Weights are downloaded last, so where they are there all is. Broken links do not count. */
async function isWhole(folder: string): Promise<boolean> {
  if (existsSync(join(folder, WEIGHTS))) return true;
  const index = join(folder, INDEX);
  if (!existsSync(index)) return false;
  return shardNames(await readJsonFile(index), index).every((name) => existsSync(join(folder, name)));
}
