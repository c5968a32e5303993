import type { EngineTensor } from '../engine/contract.ts';
import { ortNode } from '../engine/ortNode.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { adamw } from '../optim/adamw.ts';
import { buildFrozen, modelParams } from '../program/evalProgram.ts';
import { imageStep } from '../program/imageStep.ts';
import { shiftMatrices } from '../program/shifts.ts';
import { trainProgram } from '../program/trainProgram.ts';
import { TrainState } from '../train/trainState.ts';

/**
 * Times iterations of image synthesis in a process of its own, so that its peak memory is its own. Arguments: model, batch,
 * iterations. Prints one JSON object.
 */
const [name = 'resnet20_small', batchText = '64', stepsText = '8'] = process.argv.slice(2);
const [batch, steps] = [Number(batchText), Number(stepsText)];
/** Iterations that are not counted: memory is taken and caches fill. */
const WARM_UP = 2;
const CLASSES = 10;
const started = performance.now();
const model = buildModel(variantConfig(name, { classes: CLASSES }));
const side = model.imageSize;
const weights = new Map(
  modelParams(model).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 0) }]),
);
const program = trainProgram(
  imageStep({
    batch,
    side,
    classes: CLASSES,
    grey: false,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    shrink: 1,
    weights: { ce: 1, tv1: 0, tv2: 2.5e-5, l2: 1e-5, feature: 1, firstNorm: 1, adi: 0, bpid: 0 },
    boundary: { variant: 'fill', margin: 0.1 },
    teacher: (pixels) => buildFrozen(model, pixels, weights),
    student: undefined,
    optimiser: adamw({ betas: [0.5, 0.9], epsilon: 1e-8, weightDecay: 0 }),
    clip: true,
  }),
);
const engine = ortNode();
const profile = process.argv[5];
const compiled = await engine.compile(program.update, profile === undefined ? {} : { profilePrefix: profile });
const state = new TrainState(engine, program);
state.write(new Map(), 0);
const buildSeconds = (performance.now() - started) / 1000;
const targets = new Float32Array(batch * CLASSES);
for (let row = 0; row < batch; row++) targets[row * CLASSES + (row % CLASSES)] = 1;
const seconds: number[] = [];
let loss = Number.NaN;
for (let step = 0; step < steps + WARM_UP; step++) {
  const before = performance.now();
  const { rows, columns } = shiftMatrices({ down: step % 3, right: -1, mirrored: step % 2 === 0 }, side);
  const scalars: Record<string, EngineTensor> = {};
  for (const [port, value] of Object.entries(program.scalars({ step: step + 1, lr: 0.05 })))
    scalars[`scalar.${port}`] = engine.tensor('float32', [], Float32Array.of(value));
  const numbers = { loss: engine.empty('float32', []), gradNorm: engine.empty('float32', []) };
  const feeds = {
    ...state.feeds(),
    ...scalars,
    'batch.targets': engine.tensor('float32', [batch, CLASSES], targets),
    'batch.rows': engine.tensor('float32', [side, side], rows),
    'batch.columns': engine.tensor('float32', [side, side], columns),
  };
  await compiled.run(feeds, { ...state.into(program.update.outputs), ...numbers });
  state.commit(program.update.outputs);
  loss = ((await numbers.loss.read()) as Float32Array)[0]!;
  seconds.push((performance.now() - before) / 1000);
}
await compiled.dispose();
const peakRssMB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ seconds: seconds.slice(WARM_UP), buildSeconds, peakRssMB, loss }));
