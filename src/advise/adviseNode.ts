import { basename, join, resolve } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import { type RunInput, runSchema } from '../config/schema.ts';
import { overlay, type Settings } from '../config/settings.ts';
import { showPlaces } from '../data/places.ts';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { lockFolder } from '../formats/disk/folderLockNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import { validationOf } from '../run/datasets/runDataOf.ts';
import { decisive } from '../run/plan/freeSettings.ts';
import type { RunInputs } from '../run/training/prepare/assemble.ts';
import { openInputs } from '../run/training/prepare/openInputsNode.ts';
import { readJson } from '../study/recordsNode.ts';
import type { Advice } from './advice.ts';
import { adviceHtml } from './adviceHtml.ts';
import { adviceText } from './adviceText.ts';
import { type Arm, armsOf, type Refused, sameLayers } from './arms.ts';
import { adviceOf } from './conclude.ts';
import { runCourse } from './course.ts';
import { nextCommand } from './nextCommand.ts';
import { ofThisRelease } from './olderAdvice.ts';
import {
  type AdviceEvent,
  type AdviseOptions,
  type AdviseResult,
  checked,
  noMethod,
  refuseData,
  stateOf,
} from './requestNode.ts';
import type { SavedState } from './state.ts';
import { type Choosing, choosingImages, innerImages } from './trials.ts';
import { NodeTrials } from './trialsNode.ts';

/**
 * Whether distilling is worth it on these images, with which method and by how much: tries the methods that apply and training alone
 * at equal processor time, chooses on a part of the training images or half of the validation images, and judges on validation images
 * that chose nothing. Writes advice.json, advice.txt and index.html beside its runs.
 *
 * ```ts
 * const result = await advise({ data: 'photos', teacher: 'runs/teacher', student: 'vit_tiny_patch4', budget: '2h' });
 * if (result.reason === 'done') console.log(result.advice.verdict.text, result.advice.next);
 * ```
 * @throws UserError for whatever the caller can mend: no labels, a time too short to say anything, a folder of another advice
 */
export async function advise(options: AdviseOptions): Promise<AdviseResult> {
  const { base, seconds, least, names } = checked(options);
  const { onModel, onListing, onAdviceEvent: tell = () => undefined } = options;
  const config = parseConfig(runSchema, base as unknown as RunInput, 'config');
  const inputs = await openInputs(config, { onModel, onListing });
  refuseData(showPlaces(config.data.dir), inputs);
  const found = armsOf(base, names, inputs);
  const out =
    options.out ?? join('runs', `${basename(resolve(showPlaces(config.data.dir)))}-${config.student.name}-advice`);
  const request = decisive({ ...config, advise: { methods: names, gain: least, budget: seconds } });
  if (found.methods.length === 0) throw noMethod(found.refused);
  const before = await stateOf(out, request);
  makeFolder(out);
  const lock = await lockFolder(out);
  try {
    tell({ type: 'methods', applies: found.methods.map(({ name }) => name), refused: found.refused });
    return await goOn({ ...options, out }, { base, seconds, least, inputs, ...found }, before, tell);
  } finally {
    await lock.release();
  }
}

interface Prepared {
  readonly base: Settings;
  readonly seconds: number;
  readonly least: number;
  readonly inputs: RunInputs;
  readonly alone: Arm;
  readonly methods: readonly Arm[];
  readonly refused: readonly Refused[];
}

async function goOn(
  options: AdviseOptions & { readonly out: string },
  prepared: Prepared,
  state: SavedState,
  tell: (event: AdviceEvent) => void,
): Promise<AdviseResult> {
  const { out } = options;
  const done = await readJson<Advice>(join(out, 'advice.json'));
  if (done) return { reason: 'done', out, advice: ofThisRelease(done) };
  const { alone, methods, refused, seconds, least } = prepared;
  const choosing = choosingOf(state, prepared.inputs);
  const { base, inputs, chosenBy } = judgedBy(choosing, prepared);
  const metric = inputs.data.multilabel ? 'val/map' : 'val/top1';
  const trials = new NodeTrials({ out, base, inputs, metric, signal: options.signal, onEvent: options.onEvent });
  const found = await runCourse({
    ...{ alone, methods, seconds, choosing, trials, state, tell },
    reference: methods.find(({ name }) => name === 'kd') ?? null,
    sameLayers: (arm) => sameLayers(base, arm, inputs),
    seed: parseConfig(runSchema, base as unknown as RunInput, 'config').train.seed,
    keep: (now) => writeFileAtomic(join(out, 'state.json'), `${JSON.stringify(now, null, 2)}\n`),
  });
  if (!found) return { reason: 'interrupted', out };
  const { train, val } = inputs.data;
  const asked = {
    ...{ data: options.data, teacher: options.teacher, student: options.student, least, refused, out, metric },
    ...{ budget: seconds, seconds: await trials.spent(), applies: methods.map(({ name }) => name) },
    ...{ trainImages: train.paths.length, validationImages: val.paths.length, chosenBy },
  };
  const advice = adviceOf(found, asked, (judged) => nextCommand(options, found, judged));
  await writeFileAtomic(join(out, 'advice.txt'), `${adviceText(advice)}\n`);
  await writeFileAtomic(join(out, 'index.html'), adviceHtml(advice));
  await writeFileAtomic(join(out, 'advice.json'), `${JSON.stringify(advice, null, 2)}\n`);
  return { reason: 'done', out, advice };
}

/** As it was begun: an advice of a release before has no other way than the inner split. */
function choosingOf({ plan }: SavedState, { data: { train, val, reportOnly } }: RunInputs): Choosing {
  if (plan) return plan.images ?? 'inner';
  // Images of `data.valDir` report and choose nothing.
  return reportOnly ? 'inner' : choosingImages(train.paths.length, val.paths.length);
}

/** Settings and images of the final's runs, and what judges the search. */
function judgedBy(
  choosing: Choosing,
  { base, inputs }: Prepared,
): Pick<Prepared, 'base' | 'inputs'> & Pick<Advice, 'chosenBy'> {
  const { train, val } = inputs.data;
  if (choosing === 'inner') return { base, inputs, chosenBy: innerImages(train.paths.length) };
  const { splitSeed } = parseConfig(runSchema, base as unknown as RunInput, 'config').data;
  const half = (valHalf: 'choose' | 'report') => validationOf(val, { valHalf, splitSeed });
  return {
    base: overlay(base, { data: { valHalf: 'report' } }),
    inputs: { ...inputs, data: { ...inputs.data, val: half('report') } },
    chosenBy: { images: half('choose').paths.length, of: 'validation' },
  };
}
