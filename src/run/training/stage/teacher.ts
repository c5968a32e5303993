import { imageName } from '../../../data/dataset.ts';
import type { Platform } from '../../../host/host.ts';
import type { Outputs } from '../../../store/outputs.ts';
import { readFeatures } from '../../../program/trainProgram.ts';
import type { UnstampedEvent } from '../../../train/events.ts';
import { type RunParts, stageSpec, teacherUse } from './spec.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { ownView, teacherProgram } from '../../teacher/features.ts';
import { chooseTeacher, rangesFit, type TeacherChoice, withLogits } from '../../teacher/precision.ts';
import { TeacherSource } from '../../teacher/source.ts';
import {
  beyondViews,
  evaluationView,
  keptViews,
  openOutputStore,
  storeWanted,
  trainingView,
} from '../../teacher/store.ts';

export interface StageTeacher {
  readonly source: TeacherSource;
  readonly choice: TeacherChoice;
  /** What keeps its outputs, if anything does; the source closes it. */
  readonly store: Outputs | undefined;
}

/**
 * The teacher of a stage, only as deep as its method reads; undefined for a stage without distillation. `before` is what was
 * chosen before a resume.
 */
export async function openStageTeacher(
  parts: RunParts,
  stage: PlannedStage,
  platform: Platform,
  before: TeacherChoice | undefined,
  emit: (event: UnstampedEvent) => void,
): Promise<StageTeacher | undefined> {
  const use = teacherUse(parts, stage);
  const names = use ? readFeatures(stageSpec(parts, stage, {})) : [];
  if (!use || names.length === 0) return undefined;
  const { config, settings, data, preprocessing } = parts;
  const { sees } = config.teacher!;
  const shown = ownView(use.teacher, preprocessing, sees);
  const given = shown ? use.teacher.preprocessing : preprocessing;
  const note = (message: string) => emit({ type: 'note', message });
  const warn = (message: string) => emit({ type: 'warning', message });
  const { batch } = settings.train;
  const known = before && rangesFit(use, batch, withLogits(names), before) ? before : undefined;
  if (before && !known)
    note(
      'the checkpoint is of a version that held other values of the teacher in 8 bits: their ranges are measured again',
    );
  const own =
    known ??
    (await chooseTeacher({
      use,
      platform,
      precision: config.teacher!.precision,
      names,
      batch,
      given,
      // Images of data.valDir are for reporting alone: nothing of a run may depend on them.
      sample: config.data.valDir === null && data.val.paths.length > 0 ? data.val : data.train,
      config,
      note,
    }));
  // Speed is measured, and may be another on each machine.
  const choice = await platform.ranks.onFirst('how the teacher computes', async () => own);
  const program = teacherProgram(use, batch, given, withLogits(names), choice.ranges, names);
  const view = shown?.original
    ? evaluationView(use.teacher.preprocessing)
    : trainingView(config, settings, use.teacher.network.imageSize, given, shown?.filter);
  const more = beyondViews(config, settings);
  if (storeWanted(config) && more)
    note(`teacher outputs are not kept: ${more} changes the views in each epoch, so the teacher runs in each step`);
  const keeper = storeWanted(config) && !more ? platform.outputs : undefined;
  const store =
    keeper && (await openOutputStore({ keeper, config, use, choice, names, given, list: data.train, view, warn }));
  if (store) forecast(store, keeper.where(config.teacher!.store.dir), parts, names, note, warn);
  const answering = { model: use.teacher.path, image: (index: number) => imageName(data.train, index) };
  const source = new TeacherSource({ engine: platform.engine, program, answering, store });
  return { source, choice, store };
}

/** Says what there is, what will be written, and what the first time costs. */
function forecast(
  store: Outputs,
  where: string,
  { config, data }: RunParts,
  names: readonly string[],
  note: (message: string) => void,
  warn: (message: string) => void,
): void {
  const views = keptViews(config);
  const images = data.train.paths.length;
  const { stored, bytes } = store.forecast(data.train.paths.keys(), views);
  const { maxGB } = config.teacher!.store;
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
  const what = `teacher outputs (${names.join(', ')}) of ${images} images${views === 1 ? '' : ` x ${views} views`}: ${Math.floor(100 * stored)} % are stored in ${where}`;
  if (stored === 1) {
    note(`${what}; the teacher need not run`);
    return;
  }
  note(
    `${what}; the rest takes ${size} and is computed while the first ${views === 1 ? 'epoch runs, which is' : `${views} epochs run, which are`} no faster for it; later epochs and runs read it`,
  );
  if (bytes > maxGB * 1e9)
    warn(
      `teacher outputs need ${size}, but teacher.store.maxGB is ${maxGB}: a part will be computed anew in each epoch`,
    );
}
