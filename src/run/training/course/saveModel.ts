import type { Contents } from '../../../formats/disk/content.ts';
import type { SavedModel } from '../../../formats/savedModel.ts';
import { showPlaces } from '../../../data/places.ts';
import type { RunFiles } from '../../../host/files.ts';
import {
  detailsOf,
  featureDetails,
  multilabelDetails,
  type RunDetails,
  type RunSetup,
} from '../../../report/details.ts';
import type { Progress } from '../../../train/progress.ts';
import type { TrainState } from '../../../train/trainState.ts';
import type { RunParts } from '../stage/spec.ts';
import { addressIn } from '../../../data/address.ts';
import { exportContents } from '../../exporting/contents.ts';
import type { Origin } from '../../exporting/modelCard.ts';
import { decisive } from '../../plan/freeSettings.ts';
import { modelSize } from '../../models/size.ts';
import type { Evaluated } from './evaluated.ts';

/** A run's student without its weights. */
export function describe({ studentConfig, data, preprocessing }: RunParts): Omit<SavedModel, 'weights'> {
  const { classes } = studentConfig;
  if (classes === 0) return { model: studentConfig, classes: [], preprocessing };
  return { model: studentConfig, classes: data.classes, multilabel: data.multilabel, preprocessing };
}

/** The progress of a run that has not begun. */
export function noProgress({ config, settings, data }: RunParts, computed: string): Progress {
  const { train, val } = data.digests;
  const begun = { version: 1, step: 0, stage: 0, weights: {}, best: null, last: {} } as const;
  const { seed } = settings.train;
  return { ...begun, computed, seed, data: train, validation: val, settings: decisive(config) };
}

/** Writes the best student so far, and what its evaluation found: `model/` and `evaluation.json`. */
export async function writeBest(
  files: RunFiles,
  parts: RunParts,
  state: TrainState,
  found: Evaluated,
  at: { readonly step: number; readonly epoch: number },
): Promise<void> {
  const { metrics } = found.best;
  const head = { ...at, ema: found.ema, metrics, setup: setupOf(parts) };
  const details = bestDetails(head, parts, found.best);
  await files.replaceFolder('model', await bestContents(parts, state, found.ema ? 'ema' : 'param', details));
  await files.replace('evaluation.json', `${JSON.stringify(details)}\n`);
}

function bestDetails(head: Parameters<typeof detailsOf>[0], { data }: RunParts, best: Evaluated['best']): RunDetails {
  if ('images' in best) return featureDetails(head, best.images);
  const { metrics: _, scores, teacherScores, ...single } = best;
  const { classes, val, labelled } = data;
  const paths = val.paths.map((path) => addressIn(val.root, path));
  return scores
    ? multilabelDetails(head, classes, scores, teacherScores, labelled ? 'labels' : 'teacher')
    : detailsOf(head, { classes, paths, labels: val.labels, ...single });
}

function setupOf({ config, settings, data, teacher, studentConfig, stages }: RunParts): RunSetup {
  const { batch, accumulate, epochs, seed } = settings.train;
  return {
    student: config.student.name,
    ...modelSize(studentConfig),
    teacher: teacher?.path ?? null,
    method: stages.length === 1 ? config.method : stages.map(({ name }) => name).join(', then '),
    data: showPlaces(config.data.dir),
    trainImages: data.train.paths.length,
    imageSize: settings.imageSize,
    imagesPerStep: batch * accumulate,
    steps: stages.at(-1)!.to,
    epochs,
    seed,
    choices: settings.choices,
  };
}

/** The student alone, ready to use, with its weights or their moving average; the method's own parameters stay out. */
async function bestContents(
  parts: RunParts,
  state: TrainState,
  kind: 'param' | 'ema',
  origin: Origin,
): Promise<Contents> {
  const prefix = `${kind}.`;
  const own = [...(await state.read())].filter(
    ([name]) => name.startsWith(prefix) && !name.startsWith(`${prefix}method.`),
  );
  const weights = new Map(own.map(([name, array]) => [name.slice(prefix.length), array]));
  return exportContents({ ...describe(parts), weights }, undefined, undefined, origin);
}
