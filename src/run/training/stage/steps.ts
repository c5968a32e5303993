import type { RunConfig } from '../../../config/schema.ts';
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
  /** A micro-batch and what the teacher says of it, as the steps take them. */
  readonly inputs: (batch: TrainBatch, lane?: number) => Promise<StepInputs>;
  dispose(): Promise<void>;
}

/** Before anything is opened: whether an update has micro-batches for the lanes that a run asks for. */
export function checkLanes({ lanes, accumulate }: RunConfig['train']): void {
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

export const openRunLanes = ({ settings: { train } }: RunParts, engine: Engine): OpenLanes | undefined =>
  train.lanes === 1 ? undefined : engine.lanes!(train.lanes);

/**
 * Compiles a stage. The teacher stays the caller's to close, and the lanes. `tell` is told where a stage cannot use them.
 */
export async function openSteps(
  { student, settings: { imageSize } }: RunParts,
  { engine, clock }: Pick<Platform, 'engine' | 'clock'>,
  program: TrainProgram,
  teacher: StageTeacher | undefined,
  lanes: OpenLanes | undefined,
  tell: (message: string) => void,
): Promise<StageSteps> {
  const { classes } = student;
  if (lanes && !program.inParts)
    tell(
      'train.lanes: this stage takes one micro-batch after the other: each hands running statistics (batch normalisation) or what its method remembers to the next',
    );
  if (!lanes || !program.inParts) {
    const stays = (output: string): boolean => output.startsWith('next.');
    const update = await engine.compile(program.update, { stays });
    const accumulateStep = program.accumulate && (await engine.compile(program.accumulate, { stays }));
    return {
      ...{ update, accumulateStep },
      inputs: (batch) => taughtInputs(engine, clock, batch, classes, imageSize, teacher?.source.feeds),
      dispose: async () => {
        await update.dispose();
        await accumulateStep?.dispose();
      },
    };
  }
  const update = await Lanes.open(engine, lanes.engines, program.inParts());
  const sources = lanes.engines.map((lane) => teacher?.source.on(lane));
  return {
    ...{ update, accumulateStep: undefined },
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
