import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import { modelParams } from '../program/evalProgram.ts';
import type { RunConfig } from '../config/schema.ts';
import type { OwnModel } from '../run/models/loaded.ts';
import { type AssembledRun, assemble } from '../run/training/prepare/assemble.ts';
import { checkStages } from '../run/training/prepare/checks.ts';
import { withPlannedHeads } from '../run/training/prepare/fitHeads.ts';
import { openInputs } from '../run/training/prepare/openInputsNode.ts';
import { imageSetOf } from './imageSets.ts';
import type { PlannedRun, StudyPlan } from './plan.ts';

/** Messages that are shown; the causes of more are mostly the same. */
const SHOWN = 8;

/**
 * Checks each run as it would be checked at its own start: methods, teachers, students and epochs that do not fit together. A
 * teacher of the study that is not trained yet stands there as what it will be; a run on images that are still to be made is
 * checked at its turn.
 * @throws UserError that names the runs
 */
export async function checkRuns(plan: StudyPlan, where: string): Promise<void> {
  const teachers = new Map<string, OwnModel>();
  const refused: string[] = [];
  const checked = new Set<string>();
  for (const run of [...plan.teachers, ...plan.runs]) {
    if (imageSetOf(run.config) !== undefined || checked.has(withoutSeed(run.config))) continue;
    checked.add(withoutSeed(run.config));
    try {
      const parts = await assembled(run, teachers);
      if (!parts) continue;
      checkStages(parts);
      if (run.key.startsWith('teachers/')) teachers.set(run.key.slice('teachers/'.length), asModel(run.key, parts));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refused.push(`${run.key}: ${error.message}`);
    }
  }
  if (refused.length === 0) return;
  const more = refused.length > SHOWN ? [`... (${refused.length})`] : [];
  throw new UserError(
    `${where}: wanted runs that can all begin, got ${refused.length} that cannot; nothing was run:\n  ${[...refused.slice(0, SHOWN), ...more].join('\n  ')}`,
  );
}

/** Runs that differ in chance alone fit, or do not, together. */
const withoutSeed = (config: RunConfig): string => JSON.stringify({ ...config, train: { ...config.train, seed: 0 } });

/** The run with what it refers to; undefined where a teacher of the study is not known yet (its images are to be made). */
async function assembled({ config }: PlannedRun, teachers: ReadonlyMap<string, OwnModel>) {
  const names = [config.teacher?.ref, config.student.init].map((ref) =>
    ref?.startsWith('$') ? ref.slice(1) : undefined,
  );
  const [teacher, init] = names.map((name) => (name === undefined ? undefined : teachers.get(name)));
  if ((names[0] !== undefined && !teacher) || (names[1] !== undefined && !init)) return undefined;
  const opened = await openInputs({
    ...config,
    teacher: teacher ? null : config.teacher,
    student: { ...config.student, init: init ? null : config.student.init },
  });
  const inputs = { ...opened, teacher: teacher ?? opened.teacher, init: init ?? opened.init };
  return assemble(config, withPlannedHeads(config, inputs));
}

/** What a teacher will be, with zeros for weights: what fits it fits the trained one. */
function asModel(key: string, { studentConfig, student, data, preprocessing }: AssembledRun): OwnModel {
  const weights = new Map(
    modelParams(student).map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }] as const),
  );
  const { classes, multilabel } = data;
  return {
    ...{ model: studentConfig, network: student, weights, classes, multilabel, preprocessing },
    path: key,
    stored: key,
    notes: [],
  };
}
