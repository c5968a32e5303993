import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../graph/errors.ts';
import { writeFileAtomic } from './atomicNode.ts';
import { parseJsonFile } from './jsonFileNode.ts';
import { schemaProblem } from './schemaProblem.ts';

/** Which part of the work a process makes where no folder is shared: each `of`-th unit, from `index` (from 0) on. */
export interface ShardPart {
  readonly index: number;
  readonly of: number;
}

/** As it is typed: from 1. */
export const shardText = ({ index, of }: ShardPart): string => `${index + 1}/${of}`;

/** The units of a part; all where there is none. */
export const ofShard = <Unit>(units: readonly Unit[], shard: ShardPart | undefined): Unit[] =>
  units.filter((_, i) => shard === undefined || i % shard.of === shard.index);

const mark = z.strictObject({
  version: z.literal(1),
  kind: z.enum(['study', 'images', 'teacher outputs']),
  index: z.int().nonnegative(),
  of: z.int().positive(),
  /** Of the whole work. */
  units: z.int().nonnegative(),
  /** Digest of all that the work depends on: parts of one work have the same. */
  what: z.string(),
});

/** What a folder is a part of. */
export type ShardMark = Readonly<z.output<typeof mark>>;

export const markFile = 'shard.json';

/** The digest of what a work depends on. */
export const digestOfWork = (work: unknown): string =>
  createHash('sha256').update(JSON.stringify(work)).digest('hex').slice(0, 16);

/**
 * Marks a folder as a part of a work, or as the whole of it where `shard` is undefined.
 * @throws UserError where it is another part already, or a part and the whole is wanted
 */
export async function keepMark(
  dir: string,
  shard: ShardPart | undefined,
  rest: Pick<ShardMark, 'kind' | 'units' | 'what'>,
): Promise<void> {
  const held = readMark(dir);
  if (held && (shard === undefined || shard.index !== held.index || shard.of !== held.of))
    throw new UserError(
      `${dir}: this folder has part ${shardText(held)} of its work, got ${shard ? `--shard ${shardText(shard)}` : 'no --shard'}. Give each part a folder of its own; processes that share one folder need no --shard. understudy merge makes one of all parts`,
    );
  if (shard) await writeMark(join(dir, markFile), { ...rest, ...shard });
}

export const writeMark = (path: string, given: Omit<ShardMark, 'version'>): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify({ version: 1, ...given }, null, 2)}\n`);

/** @throws UserError where the file is damaged */
export function readMark(dir: string, file = markFile): ShardMark | undefined {
  const path = join(dir, file);
  if (!existsSync(path)) return undefined;
  const found = mark.safeParse(parseJsonFile(path));
  if (found.success) return found.data;
  throw new UserError(`${path}: ${schemaProblem(found.error)}. Make the part anew in another folder`);
}

export interface MarkedFolder {
  readonly dir: string;
  readonly mark: ShardMark;
}

/**
 * The parts in their order.
 * @throws UserError where some are missing, there twice, or of other works
 */
export function checkParts(parts: readonly MarkedFolder[]): MarkedFolder[] {
  const [first] = parts;
  if (!first) throw new UserError('merge: wanted the folders of all parts, got none');
  const other = parts.find(
    ({ mark: { kind, of, what } }) => kind !== first.mark.kind || of !== first.mark.of || what !== first.mark.what,
  );
  if (other)
    throw new UserError(
      `${other.dir}: wanted part of the work that ${first.dir} is a part of (${told(first)}), got one of ${told(other)}. Merge parts that were made by one command`,
    );
  const problems = Array.from({ length: first.mark.of }, (_, index) => {
    const found = parts.filter((part) => part.mark.index === index);
    if (found.length === 1) return '';
    const name = shardText({ index, of: first.mark.of });
    return found.length === 0
      ? `${name} is missing`
      : `${name} is there ${found.length} times: ${found.map(({ dir }) => dir).join(' and ')}`;
  }).filter(Boolean);
  if (problems.length > 0)
    throw new UserError(
      `merge: wanted each of ${first.mark.of} parts once; ${problems.slice(0, 8).join('; ')}${problems.length > 8 ? `; and ${problems.length - 8} more` : ''}`,
    );
  return [...parts].sort((a, b) => a.mark.index - b.mark.index);
}

const told = ({ mark: { kind, of, what } }: MarkedFolder): string => `${kind} in ${of} parts, ${what}`;
