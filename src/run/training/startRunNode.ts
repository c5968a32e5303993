import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { alone } from '../../cluster/ranks.ts';
import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../config/schema.ts';
import { type Settings, valueAt } from '../../config/settings.ts';
import { UserError } from '../../graph/errors.ts';
import { type MethodTable, methodNamed, withMethods } from '../../methods/index.ts';
import { VARIANTS } from '../../models/index.ts';
import { onnxPathOf } from '../models/onnxReferenceNode.ts';
import type { RunResult } from './course/result.ts';
import type { RunSettings } from './runSettings.ts';
import { type TrainOptions, trainRun } from './trainRunNode.ts';

export type StartOptions = Omit<TrainOptions, 'out'> & {
  /** Run folder; default: runs/<data>-<student>-<method>, with -2, -3, ... where that exists. */
  readonly out?: string;
};

/** What each kind of run cannot do without: its key, the flag that gives it, and an example. */
const WANTED = {
  distill: [
    { key: 'data.dir', flag: '--data DIR' },
    { key: 'teacher', flag: '--teacher REF' },
    { key: 'student.name', flag: '--student NAME' },
    { key: 'method', flag: '--method NAME' },
  ],
  train: [
    { key: 'data.dir', flag: '--data DIR' },
    { key: 'student.name', flag: '--model NAME (or --init REF)' },
  ],
} as const;

/**
 * Starts a run, or goes on with one, from settings that may lack what has a default.
 * @throws UserError if something that has none is missing, and as `trainRun`.
 */
export async function startRun(
  kind: keyof typeof WANTED,
  given: RunSettings,
  options: StartOptions,
): Promise<RunResult> {
  if (options.resume) {
    if (options.out === undefined)
      throw new UserError('--resume: wanted the folder of the run to go on with, got none; add --out RUN');
    return trainRun(given as RunInput, { ...options, out: options.out });
  }
  const input = nameAfterInit(given);
  const missing = WANTED[kind].filter(
    ({ key }) =>
      valueAt(input, key) == null && (key !== 'teacher' || wantsTeacher(input, withMethods(options.methods ?? []))),
  );
  if (missing.length > 0)
    throw new UserError(
      `understudy ${kind}: missing ${missing.map(({ flag }) => flag).join(', ')} (or ${missing.map(({ key }) => key).join(', ')} in the file of --config)`,
    );
  const config = parseConfig(runSchema, input, 'config');
  const { ranks = alone(), out = await ranks.onFirst('the run folder', async () => freeFolder(config)) } = options;
  return trainRun(input as RunInput, { ...options, out });
}

/**
 * A student that starts from a model needs no variant's name; it is called after that model. An ONNX file in place of the name is
 * the network and its weights.
 */
function nameAfterInit(input: RunSettings): RunSettings {
  const { name, init } = input.student ?? {};
  if (typeof name === 'string' && !Object.hasOwn(VARIANTS, name) && onnxPathOf(name) !== undefined) {
    if (init != null)
      throw new UserError(
        `student: wanted one network to start from, got two: ${name} and ${String(init)}. An ONNX file has its weights; leave one of them out`,
      );
    return { ...input, student: { ...input.student, name: basename(resolve(name)), init: name } };
  }
  // What is no path is refused with the rest of the settings.
  return typeof init !== 'string' || name != null
    ? input
    : { ...input, student: { ...input.student, name: basename(resolve(init)) } };
}

/** Whether one of the methods reads a teacher; of a method that is not known (yet), it is taken to. */
function wantsTeacher({ method, methods, stages }: RunSettings, known: MethodTable): boolean {
  const listed = Array.isArray(stages) ? stages.map((stage) => stage?.method) : [method];
  return listed.some((name) => {
    if (typeof name !== 'string') return true;
    try {
      const found = methodNamed(name, known);
      const given = (part: string) => ((methods as Settings | undefined)?.[part] ?? {}) as Settings;
      const settings = found.parts ? Object.fromEntries(found.parts.map((part) => [part, given(part)])) : given(name);
      return found.needs(parseConfig(found.config, settings, `methods.${name}`)).teacher.length > 0;
    } catch (error) {
      // The run itself refuses it, with the reason.
      if (error instanceof UserError) return true;
      throw error;
    }
  });
}

function freeFolder({ data: { dir }, student, method }: RunConfig): string {
  const data = basename(resolve(String(dir)));
  const name = [data, student.name, method].join('-').replaceAll(/[/\\]/g, '_');
  for (let n = 1; ; n++) {
    const path = join('runs', n === 1 ? name : `${name}-${n}`);
    if (!existsSync(path)) return path;
  }
}
