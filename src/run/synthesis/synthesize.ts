import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { type SynthesisInput, type SynthesisSettings, synthesisSchema } from '../../config/synthesis.ts';
import type { Engine } from '../../engine/contract.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { type Claim, Claims } from '../../formats/disk/claimsNode.ts';
import type { LockTimes } from '../../formats/disk/lockNode.ts';
import { digestOfWork, keepMark, ofShard, type ShardPart } from '../../formats/disk/shardMarkNode.ts';
import { shareUnits } from '../../formats/disk/shareUnitsNode.ts';
import { UserError } from '../../graph/errors.ts';
import { readJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { ownScale } from '../../program/imageStep.ts';
import { evaluateModel } from '../evaluation/evaluate.ts';
import { loadModelReference, type ModelEvent } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { Described } from '../models/described.ts';
import {
  type BatchRecord,
  claimBatch,
  finishBatch,
  finishedRound,
  IMAGES,
  type ImageRecord,
  wholeBatch,
} from './batchFolder.ts';
import { checkSynthesis, checkVerifier } from './checkTeacher.ts';
import { writeContactSheets } from './contactSheet.ts';
import { keepLook, PREVIEW_FILE } from './courseFile.ts';
import { confidenceOf, TeacherEye } from './lookAt.ts';
import { BatchMaker, type ImageStepEvent, sideOf } from './makeBatch.ts';
import { openTeacher } from './openTeacher.ts';
import { pictureOf, png, sheet } from './pictures.ts';
import { planSynthesis, type PlannedBatch, type SynthesisPlan } from './plan.ts';
import { measureSet, type SetQuality } from './quality.ts';
import { SetClock } from './setClock.ts';
import { describeSet, keepDescription, readDescription, type SetDescription } from './settingsFile.ts';

export interface SynthesisOptions {
  /** A trained CNN with BatchNorm: any reference to a model. */
  readonly teacher: string;
  /** What the files of a teacher that others have trained do not say. */
  readonly described?: Described;
  /** Folder of the set. A set that was begun there with the same settings is gone on with, also by several processes at once. */
  readonly out: string;
  /** In all; each class gets as many. */
  readonly images: number;
  /** Default: all of the teacher's. */
  readonly classes?: readonly string[];
  readonly settings?: SynthesisInput;
  /** A trained student that the images are to be hard for (adi). */
  readonly student?: string;
  /** Another model whose accuracy on the images is told. */
  readonly verifier?: string;
  /** 1 for a new set; a further round adds images to it that are made with other settings. */
  readonly round?: number;
  readonly onEvent?: (event: SynthesisEvent) => void;
  /** Ends the work when aborted; finished batches stay. */
  readonly signal?: AbortSignal;
  readonly engine?: Engine;
  /** Makes this part of the batches alone, in a folder of its own; the set is finished when the parts are merged. */
  readonly shard?: ShardPart;
  /** When the batches of other processes are given up. */
  readonly claimTimes?: LockTimes;
}

export type SynthesisEvent =
  | ModelEvent
  | { readonly type: 'start'; readonly batches: number; readonly finished: number }
  | ({ readonly type: 'step'; readonly batch: number; readonly batches: number; readonly setEtaSeconds: number } & Omit<
      ImageStepEvent,
      'type'
    >)
  | { readonly type: 'batch'; readonly index: number; readonly batches: number; readonly record: BatchRecord };

export interface SynthesisResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly images: number;
  /** Undefined where it was interrupted, and of a part. */
  readonly quality?: SetQuality & { readonly verifierTop1?: number };
  readonly contactSheets?: readonly string[];
  readonly seconds: number;
}

/**
 * Makes images from a teacher alone (DeepInversion, with ADI and BPID by their weights) and writes them as an ordinary class
 * folder: `OUT/train/<class>/*.png`, with manifest.json, quality.json and contact sheets.
 * @throws UserError for whatever the caller can mend; nothing is written before the inputs have been checked.
 */
export async function synthesize(options: SynthesisOptions): Promise<SynthesisResult> {
  const work = await openWork(options);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  try {
    const whole = await makeAll(work);
    if (!whole || options.shard)
      return {
        out: work.out,
        reason: whole ? 'done' : 'interrupted',
        images: (await allRecords(work)).length,
        seconds: seconds(),
      };
    return { out: work.out, reason: 'done', ...(await finish(work)), seconds: seconds() };
  } finally {
    await work.close();
  }
}

interface Work {
  readonly options: SynthesisOptions;
  readonly out: string;
  readonly round: number;
  readonly teacher: LoadedModel;
  readonly student: LoadedModel | undefined;
  readonly settings: SynthesisSettings;
  readonly plan: SynthesisPlan;
  readonly side: number;
  readonly engine: Engine;
  /** Compiled at the first batch: a set that is complete needs none. */
  readonly maker: () => Promise<{ readonly maker: BatchMaker; readonly eye: TeacherEye }>;
  readonly close: () => Promise<void>;
}

async function openWork(options: SynthesisOptions): Promise<Work> {
  const { out, images, round = 1 } = options;
  const settings = parseConfig(synthesisSchema, options.settings ?? {}, 'synthesis');
  const engine = options.engine ?? ortNode(settings.threads === 'auto' ? {} : { threads: settings.threads });
  const { onEvent: onModel } = options;
  const teacher = await openTeacher(options.teacher, options.described, onModel);
  const student = options.student === undefined ? undefined : await loadModelReference(options.student, { onModel });
  checkSynthesis(teacher, student, settings);
  const plan = planSynthesis(teacher.classes, options.classes, images, settings);
  if (options.verifier !== undefined)
    checkVerifier(await loadModelReference(options.verifier, { onModel }), plan.classes);
  const description = describeSet(teacher, student, plan, settings);
  await keepDescription(out, round, description);
  const work = { kind: 'images', units: plan.batches.length, what: digestOfWork({ round, ...description }) } as const;
  await keepMark(out, options.shard, work);
  const total = plan.perClass * plan.classes.length;
  if (total !== images)
    options.onEvent?.({
      type: 'note',
      message: `${total} images: ${plan.perClass} of each of ${plan.classes.length} classes`,
    });
  const side = sideOf(teacher, settings);
  let made: Promise<{ maker: BatchMaker; eye: TeacherEye }> | undefined;
  const open = async () => ({
    maker: await BatchMaker.open(teacher, student, settings, plan.batchSize, engine),
    eye: await TeacherEye.open(teacher, side, plan.batchSize, engine),
  });
  const maker = () => {
    made ??= open();
    return made;
  };
  const close = async () => {
    const held = await made?.catch(() => undefined);
    await held?.maker.dispose();
    await held?.eye.dispose();
  };
  return { options, out, round, teacher, student, settings, plan, side, engine, maker, close };
}

/** Makes every batch that nobody else has, and waits for those of others; false where it was aborted. */
async function makeAll(work: Work): Promise<boolean> {
  const { plan, out, round, options } = work;
  const batches = ofShard(plan.batches, options.shard);
  const clock = new SetClock(work.settings);
  const claims = new Claims(options.claimTimes);
  const note = (message: string) => options.onEvent?.({ type: 'note', message });
  return shareUnits({
    units: batches,
    settled: async ({ index }) => (await wholeBatch(out, round, index)) !== undefined,
    onStart: ({ size }) =>
      options.onEvent?.({ type: 'start', batches: batches.length, finished: batches.length - size }),
    claim: ({ index }) => claimBatch(claims, out, round, index),
    make: (batch, claim, open) => makeOne(work, batch, clock, open.size, claim),
    onLost: ({ index }, { message }) => note(`batch ${index + 1} is dropped: ${message}`),
    onWait: ({ size }) => note(`waiting for ${size} batches that other processes have`),
    signal: options.signal,
  });
}

async function makeOne(
  work: Work,
  batch: PlannedBatch,
  clock: SetClock,
  batchesLeft: number,
  claim: Claim,
): Promise<boolean> {
  const { maker, eye } = await work.maker();
  const { mean, std } = ownScale(maker.spec);
  const picture = (images: Float32Array, i: number) => pictureOf(images, i, work.side, mean, std);
  const { options, plan, out } = work;
  let iterations = 0;
  clock.begin();
  const made = await maker.make(batch, {
    signal: AbortSignal.any([claim.lost, ...(options.signal ? [options.signal] : [])]),
    onStep: ({ type: _, ...event }) => {
      const { stage, step, totalSteps: total, loss, terms } = event;
      keepLook(out, { round: work.round, batch: batch.index, stage, step, total, loss, terms, time: Date.now() });
      const setEtaSeconds = clock.tick(batchesLeft, ++iterations);
      options.onEvent?.({ type: 'step', batch: batch.index, batches: plan.batches.length, setEtaSeconds, ...event });
    },
    onPreview: async (images) => {
      const rows = Array.from({ length: PREVIEW }, (_, r) =>
        Array.from({ length: PREVIEW }, (_, c) => r * PREVIEW + c),
      );
      const there = rows.map((row) => row.filter((i) => i < plan.batchSize)).filter((row) => row.length > 0);
      await writeFileAtomic(
        join(out, PREVIEW_FILE),
        await sheet(there.map((row) => row.map((i) => picture(images, i)))),
      );
    },
  });
  await claim.check();
  if (!made) return false;
  const pictures = Array.from({ length: plan.batchSize }, (_, i) => picture(made.images, i));
  const { logits } = await eye.look(pictures, (i) => `image ${i + 1} of batch ${batch.index}`);
  const kept = pictures.map((_, i) => i).filter((i) => batch.kept[i]);
  const K = work.teacher.classes.length;
  const records = kept.map((i): ImageRecord => {
    const name = work.teacher.classes[batch.labels[i]!]!;
    const path = `${IMAGES}/${name}/${fileName(work.round, batch.index, i)}`;
    return { path, class: name, ...confidenceOf(logits.subarray(i * K, (i + 1) * K), batch.labels[i]!) };
  });
  const record: BatchRecord = { index: batch.index, seed: batch.seed, loss: made.loss, images: records };
  await finishBatch(out, work.round, record, await Promise.all(kept.map((i) => png(pictures[i]!))), claim);
  options.onEvent?.({ type: 'batch', index: batch.index, batches: plan.batches.length, record });
  return true;
}

const PREVIEW = 8;

const fileName = (round: number, batch: number, image: number): string =>
  `${round === 1 ? '' : `r${round}-`}${String(batch).padStart(5, '0')}-${String(image).padStart(3, '0')}.png`;

/** The records of all batches of this round and the ones before it. */
async function allRecords(work: Work): Promise<ImageRecord[]> {
  return (await allBatches(work)).flatMap(({ record }) => record.images);
}

async function allBatches({ out, round, plan }: Work): Promise<{ round: number; record: BatchRecord }[]> {
  const found: { round: number; record: BatchRecord }[] = [];
  for (let r = 1; r < round; r++) for (const record of await finishedRound(out, r)) found.push({ round: r, record });
  // Of this round any batch may be missing yet.
  for (let index = 0; index < plan.batches.length; index++) {
    const record = await wholeBatch(out, round, index);
    if (record) found.push({ round, record });
  }
  return found;
}

/** Manifest, quality and contact sheets. They depend on the images alone, so two processes write the same. */
async function finish(work: Work) {
  const { out, teacher, side, engine, options } = work;
  const batches = await allBatches(work);
  const records = batches.flatMap(({ record }) => record.images);
  const rounds: (SetDescription | undefined)[] = [];
  for (let r = 1; r <= work.round; r++) rounds.push(readDescription(out, r));
  const manifest = { version: 1, rounds, batches: batches.map(({ round, record }) => ({ round, ...record })) };
  await writeFileAtomic(join(out, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const contactSheets = await writeContactSheets(out, work.plan.classes, records, side);
  await rm(join(out, PREVIEW_FILE), { force: true });
  const quality = {
    ...(await measureSet(out, teacher, records, side, engine)),
    ...(await verify(out, options.verifier)),
  };
  await writeFileAtomic(join(out, 'quality.json'), `${JSON.stringify(quality, null, 2)}\n`);
  return { images: records.length, quality, contactSheets };
}

/** Another model's accuracy on the set; one that was told before is kept. */
async function verify(out: string, verifier: string | undefined): Promise<{ verifierTop1?: number }> {
  if (verifier !== undefined) return { verifierTop1: (await evaluateModel(verifier, { data: out })).top1! };
  const path = join(out, 'quality.json');
  if (!existsSync(path)) return {};
  const { verifierTop1 } = await readJsonFile(path).catch((error: unknown) => {
    throw error instanceof UserError ? new UserError(`${error.message}. Delete the file: it is written anew`) : error;
  });
  return typeof verifierTop1 === 'number' ? { verifierTop1 } : {};
}
