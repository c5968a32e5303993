import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import type { RunConfig } from '../config/schema.ts';
import { type SynthesisInput, synthesisSchema } from '../config/synthesis.ts';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import type { LockTimes } from '../formats/disk/lockNode.ts';
import { UserError } from '../graph/errors.ts';
import { unknownName } from '../graph/names.ts';
import { synthesize } from '../run/synthesis/synthesize.ts';
import type { StudyFile } from './schema.ts';

type ImageSets = StudyFile['images'];

/** The set of images that a configuration trains on: `$name` in `data.dir`. */
export function imageSetOf({ data }: RunConfig): string | undefined {
  return typeof data.dir === 'string' && data.dir.startsWith('$') ? data.dir.slice(1) : undefined;
}

/**
 * The sets as they are made, and the configurations with their names: of a set `di` with `perSeed`, a run with the seed 2 has
 * `$di-seed2`.
 */
export function setsBySeed<Run extends { readonly config: RunConfig }>(
  sets: ImageSets,
  runs: readonly Run[],
  where: string,
): { images: ImageSets; runs: Run[] } {
  const seeds = (of: string) =>
    new Set(runs.filter(({ config }) => imageSetOf(config) === of).map(({ config }) => config.train.seed));
  const own = (name: string, seed: number) => `${name}-seed${seed}`;
  const images = Object.entries(sets).flatMap(([name, { perSeed, settings, ...rest }]) =>
    perSeed
      ? [...seeds(name)].map((seed) => [own(name, seed), { ...rest, settings: { ...settings, seed } }] as const)
      : [[name, { ...rest, settings }] as const],
  );
  const twice = images.map(([name]) => name).find((name, i, all) => all.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UserError(`${where}: images.${twice}: a set with perSeed makes one of that name too. Rename it`);
  const named = runs.map((run) => ({
    ...run,
    config: withImageSet(run.config, (name) =>
      sets[name]!.perSeed ? `$${own(name, run.config.train.seed)}` : `$${name}`,
    ),
  }));
  return { images: Object.fromEntries(images), runs: named };
}

/** The first set of each name: the others, of further seeds, look alike. */
export const firstOfEach = <Set extends { readonly name: string }>(sets: readonly Set[]): Set[] => {
  const name = (set: Set) => set.name.replace(/-seed-?\d+$/, '');
  return sets.filter((set, i) => sets.findIndex((other) => name(other) === name(set)) === i);
};

/** Refuses names and settings that cannot be, before anything is run. */
export function checkImageSets(
  sets: ImageSets,
  teachers: readonly string[],
  configs: readonly RunConfig[],
  where: string,
): void {
  const known = (name: string) => {
    if (!teachers.includes(name.replace(/^\$/, '')) || !name.startsWith('$'))
      throw unknownName(
        'teacher',
        name,
        teachers.map((one) => `$${one}`),
      );
  };
  for (const [name, { teacher, student, settings, perSeed }] of Object.entries(sets)) {
    parseConfig(synthesisSchema, settings, `${where}: images.${name}.settings`);
    if (perSeed && 'seed' in settings)
      throw new UserError(
        `${where}: images.${name}: perSeed gives each set the seed of its runs, and settings.seed is given too. Leave one out`,
      );
    known(teacher);
    if (student !== undefined) known(student);
  }
  for (const config of configs) {
    const name = imageSetOf(config);
    if (name !== undefined && !Object.hasOwn(sets, name))
      throw unknownName(
        'set of images',
        `$${name}`,
        Object.keys(sets).map((one) => `$${one}`),
      );
  }
}

/** The configuration with the folder of its set. */
export function withImageSet(config: RunConfig, folderOf: (name: string) => string): RunConfig {
  const name = imageSetOf(config);
  return name === undefined ? config : { ...config, data: { ...config.data, dir: folderOf(name) } };
}

export interface SetOptions {
  readonly folder: string;
  /** The folder of a teacher of the study. */
  readonly modelOf: (name: string) => string;
  readonly note: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** When the batches of other processes are given up. */
  readonly claimTimes?: LockTimes | undefined;
}

/**
 * Makes a set of images where it is not complete yet.
 * @returns false where it was aborted.
 * @throws UserError as `synthesize`.
 */
export async function makeImageSet(sets: ImageSets, name: string, options: SetOptions): Promise<boolean> {
  const { folder, modelOf, note, signal, claimTimes } = options;
  await refuseOtherSettings(folder, name, sets[name]!);
  if (existsSync(join(folder, 'quality.json'))) return true;
  const { teacher, student, images, settings } = sets[name]!;
  const { reason, quality, seconds } = await synthesize({
    teacher: modelOf(teacher.slice(1)),
    ...(student === undefined ? {} : { student: modelOf(student.slice(1)) }),
    out: folder,
    images,
    settings: settings as SynthesisInput,
    ...(signal ? { signal } : {}),
    ...(claimTimes ? { claimTimes } : {}),
    onEvent: (event) => {
      if (event.type === 'batch') note(`images $${name}: batch ${event.index + 1} of ${event.batches}`);
    },
  });
  if (reason === 'interrupted') return false;
  const { teacherTop1, intraClassDistance, nearRepeats } = quality!;
  note(
    `images $${name}: ${images} in ${Math.round(seconds)} s; teacher's top-1 ${(100 * teacherTop1).toFixed(1)} %, distance in a class ${intraClassDistance.toFixed(3)}, near repeats ${(100 * nearRepeats).toFixed(1)} %`,
  );
  return true;
}

/** A set that is finished is not made again, so it must be the one that the file asks for. */
async function refuseOtherSettings(folder: string, name: string, wanted: ImageSets[string]): Promise<void> {
  const path = `${folder}.json`;
  const text = `${JSON.stringify(wanted, null, 2)}\n`;
  const held = await readFile(path, 'utf8').catch(() => undefined);
  if (held === undefined) return writeFileAtomic(path, text);
  if (held !== text)
    throw new UserError(
      `${path}: wanted the settings that these images were begun with, got others; give the set another name than ${name}, or delete ${path} and ${folder}`,
    );
}

/** What a failed set says of itself in the record of a run. */
export const setFailure = (name: string, error: unknown): string =>
  `its images $${name}: ${error instanceof UserError ? error.message : ((error as Error).stack ?? String(error))}`;
