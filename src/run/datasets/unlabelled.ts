import type { RunConfig } from '../../config/schema.ts';
import { UserError } from '../../graph/errors.ts';
import type { MethodName } from '../../methods/index.ts';
import { type RunData, trainLabelled } from './runData.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { headless } from '../plan/headless.ts';
import type { PlannedStage } from '../plan/stages.ts';

/**
 * The settings with which a method reads no labels. DearKD's second stage and DeiT's class head learn from labels alone, so
 * they are left out. A row without settings reads none as it is.
 */
export const WITHOUT_LABELS: Readonly<Partial<Record<MethodName, Readonly<Record<string, number | boolean>>>>> = {
  kd: { alpha: 1 },
  deit: { alpha: 1, distToken: false },
  dearkd: { alpha: 1, stageOne: 1 },
  vitkd: { labelWeight: 0 },
  vkd: { labelWeight: 0 },
  widelast: { alpha: 1 },
  embed: {},
  cskd: { alpha: 1 },
};

/** Images without labels are answered with the teacher's classes, one or several an image as it does, where there is a teacher. */
export function withTeacherClasses(data: RunData, teacher: LoadedModel | undefined): RunData {
  if (data.labelled || !teacher) return data;
  const { classes } = teacher;
  return {
    ...data,
    classes,
    multilabel: teacher.multilabel ?? false,
    facts: { ...data.facts, classes: classes.length },
  };
}

/**
 * Refuses images without labels where a stage learns from labels, and where no teacher says what the classes are.
 * @param method the method of the run, which its stages belong to
 */
export function checkLabels(
  dir: string,
  data: RunData,
  stages: readonly PlannedStage[],
  method: string,
  labels: RunConfig['data']['labels'],
): void {
  if (trainLabelled(data)) return;
  const at = stages.findIndex((stage) => stage.method.needs(stage.settings).labels !== 'none');
  const needy = stages[at];
  if (needy) {
    const who = stages.length === 1 ? needy.name : `${needy.name}, stage ${at + 1} of ${method},`;
    if (labels === 'ignore')
      throw new UserError(
        `data.labels: with ignore nothing is learned from labels, which ${who} needs; set data.labels=use, or distil a teacher without labels: ${remedyFor(method)}`,
      );
    throw new UserError(
      `${dir}: wanted images in class folders (<class>/* or train/<class>/*), since ${who} needs labels; got images without classes. Put each class in a folder of its own, or distil a teacher without labels: ${remedyFor(method)}`,
    );
  }
  if (data.classes.length === 0 && !headless(stages))
    throw new UserError(
      `${dir}: images without labels take the classes of a teacher, and there is none; give one with --teacher REF`,
    );
}

/** Methods that learn from a teacher of several classes an image without labels, and with which settings. */
export const SEVERAL_WITHOUT_LABELS = (['kd', 'vitkd'] as const)
  .map((name) => `--method ${name} ${settingsWithout(name)}`)
  .join('; ');

/** The run's own method where its settings can do without labels; else all that can. */
function remedyFor(method: string): string {
  const members = method.split('+').map((name) => name.trim());
  const able = members.every((name) => name in WITHOUT_LABELS);
  if (able) return `${method} needs none with ${members.map(settingsWithout).join(' ')}`;
  return Object.keys(WITHOUT_LABELS)
    .map((name) => `--method ${name} ${settingsWithout(name)}`.trim())
    .join('; ');
}

function settingsWithout(name: string): string {
  return Object.entries(WITHOUT_LABELS[name as MethodName]!)
    .map(([key, value]) => `--set methods.${name}.${key}=${value}`)
    .join(' ');
}
