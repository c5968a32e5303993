import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import { UserError } from '../graph/errors.ts';
import { drawNoise } from '../nn/noise.ts';
import { riseName, type TrainProgram } from '../program/trainProgram.ts';
import { stream } from '../random/stream.ts';
import type { StepInputs } from './batch.ts';
import { shareName } from '../program/balanced.ts';
import type { Balancer } from './balance/balancer.ts';
import { risen, weightsAt } from './rise.ts';
import { scheduledAt, type StageSpan } from './scheduled.ts';
import type { TrainState } from './trainState.ts';

/** What an update is made of, whoever computes its micro-batches. */
export interface UpdateTask {
  readonly engine: Engine;
  readonly program: TrainProgram;
  /** Present where gradients are accumulated and not by lanes. */
  readonly accumulateStep: Compiled | undefined;
  readonly accumulate: number;
  readonly state: TrainState;
  /** The inputs of a micro-batch of an update, as tensors of the loop's engine or of a lane's. */
  readonly inputs: (step: number, micro: number, lane?: number) => Promise<StepInputs>;
  /** Images in a micro-batch. */
  readonly batch: number;
  /** The update after the last one, counted over the run from 0. */
  readonly to: number;
  /** Of the run: weights may rise with the epoch. */
  readonly updatesPerEpoch: number;
  /** The stage's first update and the first one after it, counted over the run from 0. Default: 0 and `to`. */
  readonly span?: Pick<StageSpan, 'from' | 'to'>;
  /** Update at which the optimiser began; its clock counts from there. Default: 0. */
  readonly optimiserFrom?: number;
  /** Where the weights of the terms follow from shares that are fed. */
  readonly balancer?: Balancer | undefined;
  readonly emaDecay: number | null;
  readonly seed: number;
  /** Told the loss of an update before it is taken: the state is still the one that was measured. */
  readonly measured?: (step: number, loss: number) => Promise<void>;
}

/** What one update measured. */
export interface Measured {
  readonly loss: number;
  readonly terms: Record<string, number>;
  readonly gradNorm: number;
  readonly waitSeconds: number;
  readonly teacherSeconds: number | undefined;
}

/** Outputs that are numbers: the loss, its terms, the gradient's norm. */
export function scalarPorts(outputs: Iterable<string>, engine: Engine): Record<string, EngineTensor> {
  const names = [...outputs].filter((name) => !name.startsWith('next.'));
  return Object.fromEntries(names.map((name) => [name, engine.empty('float32', [])]));
}

/** The optimiser's scalars of an update. */
export function scalarFeeds(
  { engine, program, optimiserFrom = 0, emaDecay }: UpdateTask,
  step: number,
  lr: number,
): Record<string, EngineTensor> {
  const scalars = {
    ...program.scalars({ step: step + 1 - optimiserFrom, lr }),
    ...(emaDecay === null ? {} : { emaRate: 1 - emaDecay }),
  };
  return feedsOf(engine, scalars);
}

/** What changes with the epoch, which each micro-batch reads: the parts of weights that rise, and what a method schedules. */
export function epochFeeds(
  engine: Engine,
  {
    program,
    updatesPerEpoch,
    to,
    span = { from: 0, to },
  }: Pick<UpdateTask, 'program' | 'updatesPerEpoch' | 'to' | 'span'>,
  step: number,
): Record<string, EngineTensor> {
  const rises = [...new Set(Object.values(program.rises))];
  return feedsOf(engine, {
    ...Object.fromEntries(rises.map((rise) => [riseName(rise), risen(rise, step, updatesPerEpoch)])),
    ...scheduledAt(program.schedules, { ...span, updatesPerEpoch }, step),
  });
}

/** The shares of balanced terms, which each micro-batch reads. */
export const shareFeeds = ({
  engine,
  balancer,
}: Pick<UpdateTask, 'engine' | 'balancer'>): Record<string, EngineTensor> =>
  feedsOf(
    engine,
    Object.fromEntries(Object.entries(balancer?.state.shares ?? {}).map(([name, share]) => [shareName(name), share])),
  );

const feedsOf = (engine: Engine, scalars: Readonly<Record<string, number>>): Record<string, EngineTensor> =>
  Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [
      `scalar.${name}`,
      engine.tensor('float32', [], Float32Array.of(value)),
    ]),
  );

/** What is drawn for a micro-batch. */
export function noiseFeeds(
  engine: Engine,
  { program, seed }: Pick<UpdateTask, 'program' | 'seed'>,
  step: number,
  micro: number,
): Record<string, EngineTensor> {
  const ports = program.noises.map((spec) => {
    const drawn = drawNoise(spec, stream(seed, 'noise', step, micro, spec.name));
    return [`noise.${spec.name}`, engine.tensor('uint8', spec.shape, drawn)];
  });
  return Object.fromEntries(ports);
}

/** Stops before the update is taken: the state stays that of the step before. */
export function refuseNonFinite(values: Readonly<Record<string, number>>, step: number): void {
  const bad = Object.keys(values).filter((name) => !Number.isFinite(values[name]!));
  if (bad.length === 0) return;
  const terms = bad.filter((name) => name.startsWith('term.')).map((name) => name.slice('term.'.length));
  const culprit =
    terms.length > 0
      ? `loss term ${terms.map((name) => `"${name}" is ${values[`term.${name}`]}`).join(', ')}`
      : `${bad[0]} is ${values[bad[0]!]}`;
  throw new UserError(
    `step ${step + 1}: ${culprit}. The update was not applied and the last checkpoint is whole. The same settings would stop there again: start a new run (another --out) with a lower optim.lr or with optim.clipNorm=1; --set student.init=RUN/checkpoints/last takes these weights over`,
  );
}

/** The loss terms of a micro-batch, each times its weight at that update. */
export const weighed = (
  { program, updatesPerEpoch }: Pick<UpdateTask, 'program' | 'updatesPerEpoch'>,
  step: number,
  values: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(weightsAt(program, step, updatesPerEpoch)).map(([name, weight]) => [
      name,
      // Of balanced terms the step itself says what weighed them.
      (values[`weight.${name}`] ?? weight) * values[`term.${name}`]!,
    ]),
  );
