import type { Json, UnstampedEvent } from '../train/events.ts';
import type { RunParts } from './buildStage.ts';
import { describeStage } from './stageSchedule.ts';

/** Tells at the start of a run what it will do: data, every automatic setting with its reason, student, teacher. */
export function announce(
  { config, settings, data, teacher, stages, student }: RunParts,
  steps: number,
  resumedFrom: number | undefined,
  emit: (event: UnstampedEvent) => void,
): void {
  const totals = { stages: stages.length, epochs: settings.train.epochs, steps };
  emit({
    type: 'runStart',
    config: config as unknown as Json,
    totals,
    ...(resumedFrom === undefined ? {} : { resumedFrom }),
  });
  const note = (message: string) => emit({ type: 'note', message });
  const classes = `${data.labelled ? '' : "no labels, the teacher's "}${data.classes.length} classes`;
  note(
    `data: ${data.train.paths.length} training and ${data.val.paths.length} validation images, ${classes} (${data.splitSource} split)`,
  );
  if (data.reportOnly)
    note(
      `validation images: ${config.data.valDir}, for reporting only; the model is that of the last evaluation, not the best one`,
    );
  for (const { key, value, reason } of settings.choices) note(`${key} = ${value} (${reason})`);
  note(`student: ${student.family} ${JSON.stringify(student.config)}`);
  if (stages.length > 1 || stages[0]?.optim)
    for (const stage of stages) note(describeStage(settings, config, stage, steps / settings.train.epochs));
  if (teacher) note(`teacher: ${teacher.path} (${teacher.model.family})`);
}
