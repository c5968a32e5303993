import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { checkParts, readMark, type ShardMark } from '../formats/disk/shardMarkNode.ts';
import { UserError } from '../graph/errors.ts';
import { mergeSets } from '../run/synthesis/mergeSets.ts';
import { mergeStores, partsIn } from '../store/mergeStoresNode.ts';
import { mergeStudies } from './mergeStudies.ts';

export interface Merged {
  readonly kind: ShardMark['kind'];
  readonly out: string;
  readonly parts: number;
  /** Runs, images, or files of teacher outputs. */
  readonly merged: number;
}

/**
 * Makes one folder of the parts that `--shard` made, of a study, a set of images, or teacher outputs.
 * @throws UserError where a part or a unit is missing or there twice; nothing is written then
 */
export async function mergeParts(dirs: readonly string[], out: string): Promise<Merged> {
  const twice = dirs.find((dir, i) => dirs.indexOf(dir) !== i);
  if (twice !== undefined) throw new UserError(`merge: wanted different folders, got ${twice} twice`);
  if (dirs.length > 0 && dirs.every((dir) => partsIn(dir).length > 0))
    return { kind: 'teacher outputs', out, parts: dirs.length, merged: await mergeStores(dirs, out) };
  const parts = checkParts(
    dirs.map((dir) => {
      const mark = readMark(dir);
      if (!mark)
        throw new UserError(
          `${dir}: wanted a part that a command with --shard made, got ${existsSync(dir) ? 'a folder without shard.json' : 'nothing there. Check the path'}`,
        );
      return { dir, mark };
    }),
  );
  if ((await readdir(out).catch(() => [])).length > 0)
    throw new UserError(
      `${out}: wanted a new or empty folder for the merged parts, got one with files. Choose another --out`,
    );
  const { kind } = parts[0]!.mark;
  const merged = kind === 'study' ? (await mergeStudies(parts, out)).runs.length : await mergeSets(parts, out);
  return { kind, out, parts: parts.length, merged };
}
