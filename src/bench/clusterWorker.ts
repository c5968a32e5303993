import { rankPlace } from '../cluster/environment.ts';
import { openMpi } from '../cluster/mpiNode.ts';
import { microsOf } from '../cluster/orderedSum.ts';
import { Ranks } from '../cluster/ranks.ts';
import { aloneTransport, type Transport } from '../cluster/transport.ts';
import { openLanes } from '../engine/laneNode.ts';
import { ortNode } from '../engine/ortNode.ts';
import { systemClock } from '../host/clock.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { adamw } from '../optim/adamw.ts';
import { trainProgram } from '../program/trainProgram.ts';
import { stream } from '../random/stream.ts';
import { batchInputs } from '../train/batch.ts';
import { Lanes } from '../train/lanes.ts';
import { runUpdates } from '../train/stageLoop.ts';
import { TrainState } from '../train/trainState.ts';

/**
 * A rank of `bench -- cluster`, or a process by itself. Arguments: `collectives FLOATS TIMES`, or
 * `step MODEL BATCH MICRO STEPS THREADS [fp16]`: updates of MICRO micro-batches of BATCH images, whose gradients travel in fp32 or in
 * fp16. Rank 0 prints one JSON object.
 */
const [what, ...given] = process.argv.slice(2);
/** Steps that are not counted. */
const WARM_UP = 2;
const place = rankPlace(process.env);
const transport = place ? await openMpi({ place, env: process.env }) : aloneTransport();
/** Seconds of collectives since the last step, without what is waited for a rank that computes longer. */
let waited = 0;
const ranks = new Ranks(what === 'collectives' ? transport : timed(transport));
const result = what === 'collectives' ? await collectives(ranks, given.map(Number)) : await steps(ranks, given);
if (ranks.first) console.log(JSON.stringify(result));
await ranks.close();

async function collectives(ranks: Ranks, [floats = 0, times = 0]: readonly number[]) {
  const slice = Math.ceil(floats / ranks.size);
  const make = (length: number) => new Uint8Array(ranks.memory(length).fill(1).buffer);
  const [send, into, mine, whole] = [slice * ranks.size, slice * ranks.size, slice, slice * ranks.size].map(make);
  const seconds: number[] = [];
  for (let i = 0; i < times; i++) {
    await ranks.some('a barrier', false);
    const began = performance.now();
    await ranks.exchange('alltoall', send!, into!);
    await ranks.collect('allgather', mine!, whole!);
    seconds.push((performance.now() - began) / 1000);
  }
  return { seconds };
}

async function steps(ranks: Ranks, [name = '', ...numbers]: readonly string[]) {
  const wire = numbers[4] === 'fp16' ? 'fp16' : 'fp32';
  const [batch = 8, accumulate = 2, count = 5, threads = 1] = numbers.map(Number);
  const student = buildModel(variantConfig(name, { classes: 1000 }));
  const engine = ortNode({ threads });
  const program = trainProgram({
    ...{ batch, student, accumulate, ema: false, pixels: [3, student.imageSize, student.imageSize] },
    loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets), weight: 1 } }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
  });
  const state = new TrainState(engine, program);
  state.write(new Map(), 0);
  const lanes = ranks.alone ? undefined : openLanes(1, threads);
  const update = lanes
    ? await Lanes.open(engine, lanes.engines, program.inParts!(), ranks, wire)
    : await engine.compile(program.update);
  const images = new Map(
    microsOf(ranks, 1, accumulate).map((micro) => [micro, randomImages(micro, batch, student.imageSize)]),
  );
  const [seconds, waits]: [number[], number[]] = [[], []];
  let before = performance.now();
  const total = WARM_UP + count;
  await runUpdates({
    ...{
      engine,
      clock: systemClock,
      program,
      update,
      accumulate,
      state,
      batch,
      stage: 0,
      from: 0,
      to: total,
      totalSteps: total,
    },
    accumulateStep: lanes ? undefined : await engine.compile(program.accumulate!),
    inputs: async (_, micro, lane) =>
      batchInputs(lane === undefined ? engine : lanes!.engines[lane]!, images.get(micro)!, 1000, student.imageSize),
    updatesPerEpoch: total,
    schedule: () => 1e-4,
    emaDecay: null,
    seed: 0,
    emit: () => {
      const now = performance.now();
      seconds.push((now - before) / 1000);
      waits.push(waited);
      waited = 0;
      before = performance.now();
    },
    pause: () => false,
  });
  await lanes?.close();
  return { seconds: seconds.slice(WARM_UP), waits: waits.slice(WARM_UP), images: batch * accumulate };
}

/** All come together before each collective is timed. */
function timed(transport: Transport): Transport {
  const aligned = async (call: () => Promise<void>): Promise<void> => {
    await transport.barrier();
    const began = performance.now();
    await call();
    waited += (performance.now() - began) / 1000;
  };
  return {
    ...transport,
    alltoall: (send, into) => aligned(() => transport.alltoall(send, into)),
    allgather: (send, into) => aligned(() => transport.allgather(send, into)),
  };
}

function randomImages(micro: number, batch: number, side: number) {
  const random = stream('bench', micro);
  const images = Float32Array.from({ length: batch * 3 * side ** 2 }, () => random.normal());
  const labels = Int32Array.from({ length: batch }, () => random.below(1000));
  return { images, labels, waitSeconds: 0, release: () => undefined };
}
