import type { RunConfig } from '../../../config/schema.ts';
import { microsOf } from '../../../cluster/orderedSum.ts';
import type { Compiled, Engine, OpenLanes } from '../../../engine/contract.ts';
import { UserError } from '../../../graph/errors.ts';
import type { TrainProgram } from '../../../program/trainProgram.ts';
import { Lanes } from '../../../train/lanes.ts';
import { taughtInputs } from '../../../train/batch.ts';
import type { StepInputs, TrainBatch } from '../../../train/batch.ts';
import type { Platform } from '../../../host/host.ts';
import type { RunParts } from './spec.ts';
import type { StageTeacher } from './teacher.ts';

/** What computes the updates of a stage. */
export interface StageSteps {
  readonly update: Compiled | Lanes;
  readonly accumulateStep: Compiled | undefined;
  /** The micro-batches of an update that are computed here; undefined: all. */
  readonly mine: readonly number[] | undefined;
  /** A micro-batch and what the teacher says of it, as the steps take them. */
  readonly inputs: (batch: TrainBatch, lane?: number) => Promise<StepInputs>;
  dispose(): Promise<void>;
}

/** Before anything is opened: whether an update has micro-batches for the lanes that a run asks for, on all ranks. */
export function checkLanes({ lanes, accumulate, batch }: RunConfig['train'], ranks = 1): void {
  if (ranks > 1 && ranks * lanes > accumulate) {
    const wanted = ranks * lanes;
    const each = typeof batch === 'number' ? Math.ceil((batch * accumulate) / wanted) : undefined;
    throw new UserError(
      `train.accumulate: wanted a micro-batch of an update for each of ${ranks} ranks${lanes > 1 ? ` with ${lanes} lanes` : ''}, got ${accumulate}. Choose it once, since it decides the bits: --set train.accumulate=${wanted} (or a multiple)${each ? ` with --batch ${each} for as many images an update as now` : ' with a --batch of so many images each'}; then any number of ranks up to it gives the same weights`,
    );
  }
  if (lanes > accumulate)
    throw new UserError(
      `train.lanes: ${lanes} lanes for ${accumulate} micro-batch${accumulate === 1 ? '' : 'es'} (train.accumulate). For as many images an update: --set train.accumulate=${lanes} and a train.batch of ${accumulate}/${lanes} of what it was`,
    );
}

/** @throws UserError where the engine has none. */
export function checkDevice({ lanes }: RunConfig['train'], engine: Engine): void {
  if (lanes > 1 && !engine.lanes)
    throw new UserError('train.lanes: only the CPU has lanes; leave train.lanes out, or --device webgpu');
}

/**
 * Ranks compute in a lane each at least: then this thread is free for what goes between them, and for signals. Gradients that travel
 * rounded are rounded where lanes' come together, so a process by itself has a lane, too.
 */
export function openRunLanes(
  { settings: { train } }: RunParts,
  { engine, ranks }: Pick<Platform, 'engine' | 'ranks'>,
): OpenLanes | undefined {
  if (train.lanes === 1 && ranks.alone && train.wire === 'fp32') return undefined;
  return engine.lanes?.(train.lanes) ?? { engines: [engine], close: async () => undefined };
}

/**
 * Compiles a stage. The teacher stays the caller's to close, and the lanes. `tell` is told where a stage cannot use them.
 */
export async function openSteps(
  { student, settings: { imageSize, train } }: RunParts,
  { engine, clock, ranks }: Pick<Platform, 'engine' | 'clock' | 'ranks'>,
  program: TrainProgram,
  teacher: StageTeacher | undefined,
  lanes: OpenLanes | undefined,
  tell: (message: string) => void,
): Promise<StageSteps> {
  const { classes } = student;
  const inParts = program.balanced.length === 0 ? program.inParts : undefined;
  if (lanes && !inParts)
    tell(
      `${ranks.alone ? (train.lanes > 1 ? 'train.lanes' : 'train.wire') : 'ranks'}: this stage takes one micro-batch after the other${ranks.alone ? '' : ', and each rank all of them'}: ${program.inParts ? 'balanced weights are measured on one engine' : 'each hands what its method remembers to the next'}${train.wire === 'fp32' ? '' : '; no gradient travels, and none is rounded'}`,
    );
  if (!lanes || !inParts) {
    const stays = (output: string): boolean => output.startsWith('next.');
    const update = await engine.compile(program.update, { stays });
    const accumulateStep = program.accumulate && (await engine.compile(program.accumulate, { stays }));
    return {
      ...{ update, accumulateStep, mine: undefined },
      inputs: (batch) => taughtInputs(engine, clock, batch, classes, imageSize, teacher?.source.feeds),
      dispose: async () => {
        await update.dispose();
        await accumulateStep?.dispose();
      },
    };
  }
  const update = await Lanes.open(engine, lanes.engines, inParts(), ranks, train.wire);
  const sources = lanes.engines.map((lane) => teacher?.source.on(lane));
  return {
    ...{ update, accumulateStep: undefined },
    mine: microsOf(ranks, lanes.engines.length, train.accumulate),
    inputs: (batch, lane) =>
      taughtInputs(lanes.engines[lane!]!, clock, owned(batch), classes, imageSize, sources[lane!]?.feeds),
    dispose: async () => {
      await update.dispose();
      for (const source of sources) await source?.close();
    },
  };
}

/** A copy of a batch, whose place is the loader's again: a lane keeps its images for longer than a step. */
function owned(batch: TrainBatch): TrainBatch {
  const { images, labels, indices, views, teacherImages } = batch;
  const copy = {
    ...batch,
    images: images.slice(),
    labels: labels.slice(),
    ...(indices && { indices: indices.slice() }),
    ...(views && { views: views.slice() }),
    ...(teacherImages && { teacherImages: teacherImages.slice() }),
    release: () => undefined,
  };
  batch.release();
  return copy;
}
