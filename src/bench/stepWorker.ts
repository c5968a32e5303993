import type { EngineTensor } from '../engine/contract.ts';
import { ortNode } from '../engine/ortNode.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { initialValue } from '../nn/initialise.ts';
import { buildModel, type Model, variantConfig } from '../models/index.ts';
import { readOnnx } from '../onnx/import/readOnnxNode.ts';
import { readStudent } from '../onnx/student/read.ts';
import { onnxStudent } from '../onnx/student/student.ts';
import { adamw } from '../optim/adamw.ts';
import type { Program } from '../program/program.ts';
import { closeProgram } from '../program/program.ts';
import { type TrainProgram, trainProgram } from '../program/trainProgram.ts';
import { stream } from '../random/stream.ts';

/**
 * Times one kind of step in a process of its own, so that its peak memory is its own. Arguments: model, batch, steps, and what
 * to run (the model may be an ONNX file, as a student): `full` (forward, backward, AdamW), `gradient` (forward, backward and the gradient's norm) or `forward`. Prints one JSON object.
 */
const [name = 'deit_tiny_patch16_224', batchText = '16', stepsText = '5', part = 'full'] = process.argv.slice(2);
const [batch, steps] = [Number(batchText), Number(stepsText)];
/** Steps that are not counted: memory is taken and caches fill. */
const WARM_UP = 3;
const started = performance.now();
const model: Model = name.endsWith('.onnx')
  ? onnxStudent(readStudent(readOnnx(name)).config)
  : buildModel(variantConfig(name, { classes: 1000 }));
const program = trainProgram({
  batch,
  student: model,
  loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets), weight: 1 } }),
  optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
  accumulate: 1,
  ema: false,
  pixels: [3, model.imageSize, model.imageSize],
});
const chosen = choose(program);
const engine = ortNode();
const compiled = await engine.compile(chosen);
const buildSeconds = (performance.now() - started) / 1000;
const feeds = await fill(chosen);
const into: Record<string, EngineTensor> = {};
for (const [port, { dtype, shape }] of chosen.outputs) into[port] = engine.empty(dtype, shape);
const seconds: number[] = [];
for (let step = 0; step < steps + WARM_UP; step++) {
  const before = performance.now();
  await compiled.run(feeds, into);
  seconds.push((performance.now() - before) / 1000);
  for (const port of Object.keys(into)) swap(port);
}
const loss = ((await into.loss!.read()) as Float32Array)[0];
const peakRssMB = process.resourceUsage().maxRSS / 1024;
console.log(
  JSON.stringify({ seconds: seconds.slice(WARM_UP), buildSeconds, peakRssMB, loss, nodes: chosen.outputs.size }),
);

function choose({ update }: TrainProgram): Program {
  if (part === 'full') return update;
  const wanted = part === 'forward' ? ['loss'] : ['loss', 'gradNorm'];
  return closeProgram(new Map(wanted.map((port) => [port, update.outputs.get(port)!])));
}

/** Random images, labels and the initial weights. */
async function fill({ inputs }: Program): Promise<Record<string, EngineTensor>> {
  const random = stream('bench');
  const out: Record<string, EngineTensor> = {};
  for (const [port, { dtype, shape }] of inputs) {
    const tensor = engine.empty(dtype, shape);
    const values = (await tensor.read()) as Float32Array;
    if (port === 'batch.pixels') for (let i = 0; i < values.length; i++) values[i] = random.normal();
    if (port === 'batch.targets')
      for (let row = 0; row < batch; row++) values[row * model.classes + random.below(model.classes)] = 1;
    const vector = program.vectors.find(({ name }) => port === `param.${name}`);
    for (const { spec, offset } of vector?.entries ?? []) values.set(initialValue(spec, 0), offset);
    const scalars = program.scalars({ step: 1, lr: 1e-4 });
    if (port.startsWith('scalar.')) values[0] = scalars[port.slice('scalar.'.length)]!;
    if (port.startsWith('noise.')) values.fill(1);
    out[port] = tensor;
  }
  return out;
}

function swap(port: string): void {
  const fed = port.slice('next.'.length);
  if (!port.startsWith('next.') || !feeds[fed]) return;
  const held = feeds[fed];
  feeds[fed] = into[port]!;
  into[port] = held;
}
