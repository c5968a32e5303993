import { systemClock } from '../host/clock.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLanes } from '../engine/laneNode.ts';
import { ortNode } from '../engine/ortNode.ts';
import { methodNamed } from '../methods/index.ts';
import { buildModel, type ModelConfig, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { adamw } from '../optim/adamw.ts';
import { modelParams } from '../program/evalProgram.ts';
import type { Range } from '../program/quantise.ts';
import { teacherPorts } from '../program/teacherPorts.ts';
import { trainProgram } from '../program/trainProgram.ts';
import { stream } from '../random/stream.ts';
import type { LoadedModel } from '../run/models/loaded.ts';
import { teacherFeatures, teacherPixels, teacherProgram, type TeacherUse } from '../run/teacher/features.ts';
import { rangesProgram, widenRanges } from '../run/teacher/precision.ts';
import { TeacherSource } from '../run/teacher/source.ts';
import { Lanes } from '../train/lanes.ts';
import { OutputStore } from '../store/outputStoreNode.ts';
import { runUpdates } from '../train/stageLoop.ts';
import { taughtInputs } from '../train/batch.ts';
import type { TrainBatch } from '../train/batch.ts';
import { TrainState } from '../train/trainState.ts';

/**
 * Times the distillation step (kd) in a process of its own, with random weights and images. Arguments: teacher, student, batch,
 * steps, how the teacher answers: `fp32`, `int8` or `stored` (what it said is read from a store on the disk), and lanes: the batch
 * is so many micro-batches, computed beside each other. Prints one JSON object: seconds of each step, and of them the teacher's share.
 */
const [teacherName = '', studentName = '', batchText = '16', stepsText = '5', mode = 'fp32', laneText = '1'] =
  process.argv.slice(2);
const [steps, lanes] = [Number(stepsText), Number(laneText)];
/** Images in a micro-batch. */
const batch = Number(batchText) / lanes;
/** Steps that are not counted: memory is taken, caches and the store fill. */
const WARM_UP = 2;
const CLASSES = 1000;
const engine = ortNode();
const use: TeacherUse = { teacher: randomModel(teacherName), classes: names(), features: ['logits'] };
const student = buildModel(variantConfig(studentName, { classes: CLASSES }));
const { preprocessing } = use.teacher;
const kd = methodNamed('kd');
const config = kd.config.parse({});
const program = trainProgram({
  batch,
  student,
  teacher: () => teacherPorts(teacherFeatures(use, teacherPixels(use, batch), preprocessing)),
  loss: (context) => kd.loss({ ...context, config }),
  optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
  accumulate: lanes,
  ema: false,
  pixels: [3, student.imageSize, student.imageSize],
});
const opened = lanes > 1 ? openLanes(lanes) : undefined;
const batches = Array.from({ length: lanes }, (_, i) => randomBatch(i));
const ranges = mode === 'int8' ? await calibrate() : undefined;
const folder = mode === 'stored' ? mkdtempSync(join(tmpdir(), 'understudy-bench-')) : undefined;
const store =
  folder &&
  new OutputStore({
    dir: folder,
    maxBytes: 1e9,
    columns: [{ name: 'logits', length: CLASSES, address: 'bench' }],
    images: Array.from({ length: batch * lanes }, (_, i) => String(i).padStart(16, '0')),
    warn: (message) => console.error(message),
  });
const taught = teacherProgram(use, batch, preprocessing, ['logits'], ranges);
const engines = opened?.engines ?? [engine];
const answering = { model: 'the teacher', image: (index: number) => `image ${index}` };
const sources = engines.map(
  (on) => new TeacherSource({ engine: on, program: taught, answering, store: store || undefined }),
);
const state = new TrainState(engine, program);
state.write(new Map(), 0);
const update = opened
  ? await Lanes.open(engine, opened.engines, program.inParts!())
  : await engine.compile(program.update);
const seconds: number[] = [];
const shares: number[] = [];
let [before, teacherSeconds] = [performance.now(), 0];
await runUpdates({
  engine,
  clock: systemClock,
  program,
  update,
  accumulateStep: undefined,
  accumulate: lanes,
  state,
  inputs: async (_step, micro) => {
    const inputs = await taughtInputs(
      engines[micro]!,
      systemClock,
      batches[micro]!,
      CLASSES,
      student.imageSize,
      sources[micro]!.feeds,
    );
    teacherSeconds += inputs.teacherSeconds! / lanes;
    return inputs;
  },
  batch,
  stage: 0,
  from: 0,
  to: WARM_UP + steps + 1,
  totalSteps: WARM_UP + steps + 1,
  updatesPerEpoch: WARM_UP + steps + 1,
  schedule: () => 1e-4,
  emaDecay: null,
  seed: 0,
  emit: (event) => {
    if (event.type !== 'step') return;
    const now = performance.now();
    seconds.push((now - before) / 1000);
    shares.push(teacherSeconds);
    [before, teacherSeconds] = [now, 0];
  },
  pause: () => false,
});
if (store) store.close();
await opened?.close();
if (folder) rmSync(folder, { recursive: true });
// In a lane the teacher looks at the next update's images; the last update has none, so it does not count.
const counted = (values: readonly number[]) => values.slice(WARM_UP, WARM_UP + steps);
console.log(JSON.stringify({ seconds: counted(seconds), teacherSeconds: counted(shares) }));

function names(): string[] {
  return Array.from({ length: CLASSES }, (_, i) => String(i));
}

function randomModel(name: string): LoadedModel {
  const model: ModelConfig = variantConfig(name, { classes: CLASSES });
  const network = buildModel(model);
  const weights = new Map(modelParams(network).map((p) => [p.name, { shape: p.shape, data: initialValue(p, 0) }]));
  const [mean, std] = [
    [0, 0, 0],
    [1, 1, 1],
  ] as const;
  const preprocessing = { imageSize: network.imageSize, mean, std, evalCropRatio: 0.875 };
  return { model, network, weights, classes: names(), path: name, stored: name, notes: [], preprocessing };
}

function randomBatch(micro: number): TrainBatch {
  const random = stream('bench', micro);
  const images = new Float32Array(batch * 3 * student.imageSize ** 2);
  for (let i = 0; i < images.length; i++) images[i] = random.normal();
  const labels = Int32Array.from({ length: batch }, () => random.below(CLASSES));
  const indices = Int32Array.from({ length: batch }, (_, i) => micro * batch + i);
  return { images, labels, indices, views: new Int32Array(batch), waitSeconds: 0, release: () => undefined };
}

async function calibrate(): Promise<Range[]> {
  const found: Range[] = [];
  const measuring = rangesProgram(use, batch, ['logits']);
  const compiled = await engine.compile(measuring);
  const outputs = [...measuring.outputs].map(([port, t]) => [port, engine.empty(t.dtype, t.shape)] as const);
  const into = Object.fromEntries(outputs);
  const { shape } = measuring.inputs.get('pixels')!;
  await compiled.run({ pixels: engine.tensor('float32', shape, batches[0]!.images) }, into);
  await widenRanges(found, into);
  await compiled.dispose();
  return found;
}
