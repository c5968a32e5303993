import type { Json, UnstampedEvent } from '../../../train/events.ts';
import type { RunParts } from '../stage/spec.ts';
import type { LoadedModel } from '../../models/loaded.ts';
import { describeStage } from '../../plan/schedule.ts';

/** Tells at the start of a run what it will do: data, every automatic setting with its reason, student, teacher. */
export function announce(
  { config, settings, data, teacher, stages, student, init }: RunParts & { readonly init?: LoadedModel | undefined },
  steps: number,
  resumedFrom: number | undefined,
  notes: readonly string[],
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
  const classes = `${data.labelled ? '' : "no labels, the teacher's "}${data.classes.length} classes${data.multilabel ? ', several an image (multilabel)' : ''}`;
  note(
    `data: ${data.train.paths.length} training and ${data.val.paths.length} validation images, ${classes} (${data.splitSource} split)`,
  );
  for (const text of data.notes) note(text);
  if (data.reportOnly)
    note(
      `validation images: ${config.data.valDir}, for reporting only; the model is that of the last evaluation, not the best one`,
    );
  for (const { key, value, reason } of settings.choices) note(`${key} = ${value} (${reason})`);
  note(`augmentation: ${describeAugment(settings.augment)}`);
  note(`student: ${student.family} ${JSON.stringify(student.config)}`);
  if (stages.length > 1 || stages[0]?.optim)
    for (const stage of stages) note(describeStage(settings, config, stage, steps / settings.train.epochs));
  if (teacher) note(`teacher: ${teacher.path} (${teacher.model.family})`);
  for (const model of [teacher, init]) for (const text of model?.notes ?? []) note(`${model!.path}: ${text}`);
  for (const text of notes) note(text);
}

/** The preset and what is on. */
function describeAugment({ preset, ...augment }: RunParts['settings']['augment']): string {
  const { crop, interpolation, flip, randAugment, threeAugment, colourJitter, erase, mixup, cutmix, repeats } = augment;
  const mixed = augment.mixProbability > 0;
  const parts = [
    `crop ${crop}${crop === 'randomResized' ? ` (${interpolation})` : ''}`,
    flip > 0 && `flip ${flip}`,
    randAugment,
    threeAugment && 'threeAugment',
    colourJitter > 0 && `colourJitter ${colourJitter}${randAugment === null ? '' : ' (idle beside RandAugment)'}`,
    erase > 0 && `erase ${erase}`,
    mixed && mixup > 0 && `mixup ${mixup}`,
    mixed && cutmix > 0 && `cutmix ${cutmix}`,
    repeats > 1 && `repeats ${repeats}`,
  ];
  return `preset ${preset}: ${parts.filter(Boolean).join(', ')}`;
}
