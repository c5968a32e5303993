import { cp, readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isTemporary, replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { lockName } from '../formats/disk/folderLockNode.ts';
import type { MarkedFolder } from '../formats/disk/shardMarkNode.ts';
import { UserError } from '../graph/errors.ts';
import { LAST } from '../train/runFolder.ts';
import { readPlan } from './readPlan.ts';
import { RunRecords } from './recordsNode.ts';
import { writeResults } from './runStudy.ts';
import type { StudyReport } from './tables/rows.ts';

/**
 * Puts the parts of a study together and writes its tables.
 * @throws UserError that names runs which are not finished or finished twice, and teachers or sets of images that differ from
 * part to part: then their students are not comparable
 */
export async function mergeStudies(parts: readonly MarkedFolder[], out: string): Promise<StudyReport> {
  const [{ dir: first }] = parts as [MarkedFolder];
  const { plan } = await readPlan(join(first, 'study.yaml'));
  const records = parts.map(({ dir }) => ({ dir, records: new RunRecords(dir) }));
  const holders = async (key: string) => {
    const found: string[] = [];
    for (const { dir, records: own } of records) if (await own.finished(key)) found.push(dir);
    return found;
  };
  const from = new Map<string, string>();
  const problems: string[] = [];
  for (const { key } of [...plan.runs, ...plan.teachers]) {
    const [one, ...more] = await holders(key);
    if (one === undefined) problems.push(`${key} is not finished in any part`);
    else if (more.length > 0 && plan.runs.some((run) => run.key === key))
      problems.push(`${key} is finished in ${[one, ...more].join(' and ')}`);
    else if (await differ([one, ...more].map((dir) => join(dir, key, LAST, 'model.safetensors'))))
      problems.push(`${key} differs between ${[one, ...more].join(' and ')}`);
    else from.set(key, one);
  }
  const sets = await setsIn(plan.images, parts, problems);
  if (problems.length > 0) throw refusal(problems);
  await replaceFolderAtomic(out, async (folder) => {
    for (const [key, dir] of [...from, ...sets]) await copyUnit(dir, folder, key);
    for (const name of ['plan.json', 'study.yaml']) await cp(join(first, name), join(folder, name));
  });
  return writeResults(plan, new RunRecords(out), out);
}

/** The sets of images by their folder, and the part to take each from. */
async function setsIn(
  images: object,
  parts: readonly MarkedFolder[],
  problems: string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of Object.keys(images)) {
    const key = `images/${name}`;
    const dirs = parts.map(({ dir }) => dir).filter((dir) => existsSync(join(dir, key, 'quality.json')));
    if (dirs.length === 0) problems.push(`${key} is not finished in any part`);
    else if (await differ(dirs.map((dir) => join(dir, key, 'manifest.json'))))
      problems.push(`${key} differs between ${dirs.join(' and ')}`);
    else found.set(key, dirs[0]!);
  }
  return found;
}

async function differ(paths: readonly string[]): Promise<boolean> {
  if (paths.length < 2) return false;
  const digests = new Set<string>();
  for (const path of paths)
    digests.add(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    );
  return digests.size > 1;
}

/** The folder of a run or a set, with what stands beside it and its record. */
async function copyUnit(from: string, to: string, key: string): Promise<void> {
  const filter = (path: string) => basename(path) !== lockName && !isTemporary(basename(path));
  await cp(join(from, key), join(to, key), { recursive: true, filter });
  for (const beside of [`records/${key}.json`, `${key}.json`])
    if (existsSync(join(from, beside))) await cp(join(from, beside), join(to, dirname(beside), basename(beside)));
}

function refusal(problems: readonly string[]): UserError {
  const more = problems.length > 8 ? `\n  and ${problems.length - 8} more` : '';
  return new UserError(
    `merge: wanted each run once and each teacher the same in all parts, got:\n  ${problems.slice(0, 8).join('\n  ')}${more}\n  Run the commands of parts that are not done again. Machines that round differently train different teachers: train them once, and give their folders to the study`,
  );
}
