import type { Compiled } from '../engine/contract.ts';
import type { Schedule } from '../optim/schedule.ts';
import type { Clock } from '../host/clock.ts';
import type { UnstampedEvent } from './events.ts';
import { Lanes, runUpdateInLanes } from './lanes.ts';
import {
  type Measured,
  noiseFeeds,
  refuseNonFinite,
  epochFeeds,
  scalarFeeds,
  scalarPorts,
  shareFeeds,
  type UpdateTask,
  weighed,
} from './updateParts.ts';
import { RateClock } from './rateClock.ts';

/** Updates of a stage, from one to another. */
export interface StageLoop extends UpdateTask {
  /** The whole update, or lanes in which its micro-batches are computed beside each other. */
  readonly update: Compiled | Lanes;
  readonly clock: Clock;
  readonly stage: number;
  /** First update of this call, counted over the run from 0. */
  readonly from: number;
  readonly totalSteps: number;
  readonly schedule: Schedule;
  readonly emit: (event: UnstampedEvent) => void;
  /** Asked after each update; true leaves the loop. On several ranks all must be told the same. */
  readonly pause: (finishedSteps: number) => boolean | Promise<boolean>;
}

/** Runs updates until `to` or a pause; gives the number of finished updates. */
export async function runUpdates(loop: StageLoop): Promise<number> {
  const clock = new RateClock(loop.batch * loop.accumulate, loop.clock);
  for (let step = loop.from; step < loop.to; step++) {
    const lr = loop.schedule(step);
    const measured = await runUpdate(loop, step, lr);
    const { imagesPerSec, dataWait, teacherTime } = clock.tick(measured);
    const { loss, terms, gradNorm } = measured;
    loop.emit({
      type: 'step',
      step: step + 1,
      epoch: Math.floor(step / loop.updatesPerEpoch) + 1,
      stage: loop.stage,
      loss,
      terms,
      lr,
      gradNorm,
      imagesPerSec,
      dataWait,
      ...(measured.teacherSeconds === undefined ? {} : { teacherTime }),
      etaSeconds: ((loop.totalSteps - step - 1) * loop.batch * loop.accumulate) / imagesPerSec,
      totalSteps: loop.totalSteps,
    });
    if (await loop.pause(step + 1)) return step + 1;
  }
  return loop.to;
}

async function runUpdate(loop: StageLoop, step: number, lr: number): Promise<Measured> {
  const { engine, program, state, accumulate, update, balancer } = loop;
  if (update instanceof Lanes) return runUpdateInLanes(loop, update, step, lr);
  let [loss, waitSeconds] = [0, 0];
  let teacherSeconds: number | undefined;
  const values: Record<string, number> = {};
  for (let micro = 0; micro < accumulate; micro++) {
    const last = micro === accumulate - 1;
    const [compiled, outputs] = last
      ? [update, program.update.outputs]
      : [loop.accumulateStep!, program.accumulate!.outputs];
    const inputs = await loop.inputs(step, micro);
    waitSeconds += inputs.waitSeconds;
    if (inputs.teacherSeconds !== undefined) teacherSeconds = (teacherSeconds ?? 0) + inputs.teacherSeconds;
    const scalars = scalarPorts(outputs.keys(), engine);
    const drawn = noiseFeeds(engine, loop, step, micro);
    const fed = { ...scalarFeeds(loop, step, lr), ...epochFeeds(engine, loop, step), ...shareFeeds(loop), ...drawn };
    const feeds = { ...state.feeds(), ...inputs.feeds, ...fed };
    await compiled.run(feeds, { ...state.into(outputs), ...scalars });
    for (const [name, tensor] of Object.entries(scalars)) values[name] = ((await tensor.read()) as Float32Array)[0]!;
    loss += values.loss! / accumulate;
    refuseNonFinite(values, step);
    if (last) await loop.measured?.(step, loss);
    await balancer?.micro(step, feeds);
    state.commit(outputs);
    if (last) await balancer?.updated(step, { ...feeds, ...state.feeds() }, termsOf(values));
    inputs.release();
  }
  if (accumulate > 1) state.clearAccumulated();
  return { loss, terms: weighed(loop, step, values), gradNorm: values.gradNorm!, waitSeconds, teacherSeconds };
}

const termsOf = (values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      name.startsWith('term.') ? [[name.slice('term.'.length), value]] : [],
    ),
  );
