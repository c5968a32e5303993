import type { Json, UnstampedEvent } from '../../../train/events.ts';
import type { NetworkConfig } from '../../../onnx/network.ts';
import { vit } from '../../../models/vit.ts';
import { quantity } from '../../../report/measures.ts';
import { type RunParts, updatesPerEpoch } from '../stage/spec.ts';
import { trainLabelled } from '../../datasets/runData.ts';
import type { LoadedModel } from '../../models/loaded.ts';
import { CONFIG_FILE } from '../../plan/configFile.ts';
import type { Choice, Settings } from '../../plan/defaults.ts';
import { valueAt } from '../../../config/settings.ts';
import { describe } from '../../exporting/modelCard.ts';
import { type ModelSize, modelSize, sizeOfModel } from '../../models/size.ts';
import { studentConfig } from '../../plan/studentConfig.ts';
import { describeStage, stageSettings } from '../../plan/schedule.ts';
import { unusedSettings } from '../../plan/unused.ts';

/** Tells at the start of a run what it will do: data, every automatic setting with its reason, student, teacher. */
export function announce(
  {
    config,
    settings,
    data,
    teacher,
    stages,
    student,
    studentConfig: described,
    init,
  }: RunParts & { readonly init?: LoadedModel | undefined },
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
  const detail = (message: string) => emit({ type: 'note', message, detail: true });
  const classes =
    student.classes === 0 && !data.labelled
      ? 'no labels'
      : `${trainLabelled(data) ? '' : data.labelled ? 'no labels to learn from, ' : "no labels, the teacher's "}${data.classes.length} classes${data.multilabel ? ', several an image (multilabel)' : ''}`;
  note(
    `data: ${data.train.paths.length} training and ${data.val.paths.length} validation images, ${classes} (${data.splitSource} split)`,
  );
  for (const text of data.notes) note(text);
  if (data.reportOnly)
    note(
      `validation images: ${config.data.valDir}, for reporting only; the model is that of the last evaluation, not the best one`,
    );
  tellChoices(settings.choices, config, note, detail);
  for (const text of unusedSettings(stages.map((stage) => stageSettings(settings, config, stage).optim))) note(text);
  note(`augmentation: ${describeAugment(settings.augment)}`);
  const size = modelSize(described);
  note(`student: ${config.student.name}, ${toldSize(size)} (${describe(described)})`);
  const plain = plainSize(config, described, init?.model);
  if (plain && (plain.parameters !== size.parameters || plain.macs !== size.macs))
    note(`the method changes the student, for good: without it ${toldSize(plain)}; compare with a student of one size`);
  if (student.classes === 0)
    note('student: without a classifier, since no method of the run reads one; its embedding is what is trained');
  detail(`student: ${student.family} ${JSON.stringify(student.config)}`);
  const updates = updatesPerEpoch({ settings, data });
  if (stages.length > 1 || stages[0]?.optim)
    for (const stage of stages) note(describeStage(settings, config, stage, updates));
  if (teacher) note(`teacher: ${teacher.path} (${teacher.model.family})`);
  for (const model of [teacher, init]) for (const text of model?.notes ?? []) note(`${model!.path}: ${text}`);
  for (const text of notes) note(text);
}

/** What the student would be if no method asked anything of it; only Vision Transformers are asked. */
function plainSize(config: RunParts['config'], student: NetworkConfig, init: LoadedModel['model'] | undefined) {
  if (student.family !== 'vit' || init?.family === 'onnx') return undefined;
  const { imageSize, classes } = student;
  const plain = studentConfig(config, { imageSize, classes }, [], undefined, init);
  // Unchecked: a setting of the user's may need what the method asks for, and it is only measured.
  return plain.family === 'vit' ? sizeOfModel(vit(plain)) : undefined;
}

const toldSize = ({ parameters, macs }: ModelSize): string =>
  `${quantity(parameters)} parameters, ${quantity(macs)} multiply-accumulates an image`;

type Tell = (message: string) => void;

/** What was "auto" in a few lines, since config.yaml has the reasons; in full what only this run knows, such as its budget. */
function tellChoices(choices: Settings['choices'], config: RunParts['config'], note: Tell, detail: Tell): void {
  const isAuto = ({ key }: Choice) => valueAt(config, key) === 'auto';
  for (const choice of choices) (isAuto(choice) ? detail : note)(`${choice.key} = ${choice.value} (${choice.reason})`);
  // What is on of the augmentation has a line of its own, in which the pixels' normalisation is not.
  const hasLine = ({ key }: Choice) => key.startsWith('augment.') && !/\.(mean|std)$/.test(key);
  const chosen = choices
    .filter((choice) => isAuto(choice) && !hasLine(choice))
    .map(({ key, value }) => `${key} ${value}`);
  if (chosen.length > 0) note(`chosen (why: ${CONFIG_FILE}): ${chosen.join(', ')}`);
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
