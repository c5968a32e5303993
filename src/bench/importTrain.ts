import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grad } from '../autodiff/grad.ts';
import { ortNode } from '../engine/ortNode.ts';
import { toFloat32 } from '../formats/tensors/safetensors.ts';
import { readSafetensors } from '../formats/tensors/safetensorsNode.ts';
import { input } from '../graph/build.ts';
import { append, largest, smallest } from '../graph/lists.ts';
import { UserError } from '../graph/errors.ts';
import { unknownName } from '../graph/names.ts';
import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import type { Model } from '../models/index.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { readOnnx } from '../onnx/import/readOnnxNode.ts';
import { type ReadStudent, readStudent } from '../onnx/student/read.ts';
import { onnxStudent } from '../onnx/student/student.ts';
import { withoutValues, withValues } from '../onnx/student/structure.ts';
import { closeProgram } from '../program/program.ts';
import type { Timed } from './inTurn.ts';
import { findTorch, median, runScript, runWorker, tunedBlas } from './peer.ts';

/** torchvision's names, and whether the BatchNorms are kept or folded into the convolutions. */
const KEPT: Readonly<Record<string, boolean>> = {
  ...{ resnet18: true, mobilenet_v2: false, mobilenet_v3_small: false, efficientnet_b0: false },
  ...{ convnext_tiny: false, swin_t: false, vit_b_32: false },
};

export const TRAINED: readonly string[] = Object.keys(KEPT);

/** What counts as equal: the difference of two gradients over the norm of one. */
const LIMIT = 1e-4;
const [SIDE, CLASSES, BATCH] = [224, 1000, 2];

/** The networks that we build too, by torchvision's name. */
const OURS: Readonly<Record<string, string>> = { resnet18: 'resnet18', vit_b_16: 'vit_base_patch16_224' };
const STEPS = 3;

export interface TrainRow {
  readonly model: string;
  readonly parameters: number;
  /** Of the loss, relative, to PyTorch in float64. */
  readonly loss: number;
  /** Of the gradient of all weights as one vector, relative to its norm: ours, and PyTorch's own in float32, to float64. */
  readonly gradient: number;
  /** The worst of all single weights: its name, ours and PyTorch's float32 to float64. */
  readonly worst: { readonly name: string; readonly own: number; readonly torch: number };
  /** The file with other weights is the file that was read in all else. */
  readonly same: boolean;
  readonly agrees: boolean;
}

/** Has PyTorch write models of full size and take one step, takes it too and compares. */
export async function benchImportTrain(models: readonly string[]): Promise<{ rows: TrainRow[]; agrees: boolean }> {
  const python = findTorch()?.python;
  for (const model of models) if (!Object.hasOwn(KEPT, model)) throw unknownName('model', model, TRAINED);
  if (!python) throw new UserError('bench import --train: wanted a Python with torch, torchvision and onnx, got none');
  const rows: TrainRow[] = [];
  for (const model of models) {
    const out = mkdtempSync(join(tmpdir(), 'understudy-train-'));
    try {
      const flags = { model, out, batch: BATCH, kept: Number(KEPT[model]) };
      const args = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, String(value)]);
      await runScript(python, 'exportTrain.py', args, { ...tunedBlas(), OMP_WAIT_POLICY: 'PASSIVE' });
      append(rows, [await compare(model, out)]);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  }
  return { rows, agrees: rows.every(({ agrees }) => agrees) };
}

export interface SpeedRow {
  readonly model: string;
  /** By the clock, and by the processor's time, which a busy machine changes less. */
  readonly seconds: Compared;
  readonly cpuSeconds: Compared;
}

/** Seconds a step of the file and of the network as we build it, medians over the rounds. */
export interface Compared {
  readonly file: number;
  readonly ours: number;
  /** The median of the rounds' ratios, and the lowest and highest. */
  readonly ratio: number;
  readonly range: readonly [number, number];
}

/** What a worker prints of its steps. */
type Stepped = Timed & { readonly cpuSeconds: readonly number[] };

/** Steps (forward, backward, AdamW) of a file and of the same network as we build it, in turn, on one thread: others spin while they wait. */
export async function benchStudentSpeed(batch: number, rounds: number): Promise<SpeedRow[]> {
  const python = findTorch()?.python;
  if (!python) throw new UserError('bench studentSpeed: wanted a Python with torch, torchvision and onnx, got none');
  const out = mkdtempSync(join(tmpdir(), 'understudy-speed-'));
  const rows: SpeedRow[] = [];
  try {
    for (const [model, own] of Object.entries(OURS)) {
      const args = ['--model', model, '--out', out, '--kept', '1', '--steps', '0'];
      await runScript(python, 'exportTrain.py', args, tunedBlas());
      const timed = (name: string) =>
        runWorker<Stepped>('stepWorker', [name, String(batch), String(STEPS), 'full', '--threads', '1']);
      const pairs: [Stepped, Stepped][] = [];
      for (let round = 0; round < rounds; round++)
        pairs.push([await timed(join(out, `${model}.onnx`)), await timed(own)]);
      rows.push({ model, seconds: compared(pairs, 'seconds'), cpuSeconds: compared(pairs, 'cpuSeconds') });
    }
    return rows;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function compared(pairs: readonly (readonly [Stepped, Stepped])[], of: 'seconds' | 'cpuSeconds'): Compared {
  const medians = pairs.map(([file, ours]) => [median(file[of]), median(ours[of])] as const);
  const ratios = medians.map(([file, ours]) => file / ours);
  const [file, ours] = [median(medians.map(([a]) => a)), median(medians.map(([, b]) => b))];
  return { file, ours, ratio: median(ratios), range: [smallest(ratios), largest(ratios)] };
}

async function compare(model: string, dir: string): Promise<TrainRow> {
  const { tensors } = await readSafetensors(join(dir, `${model}.golden.safetensors`));
  const golden = new Map([...tensors].map(([key, tensor]) => [key, toFloat32(tensor)]));
  const file = readOnnx(join(dir, `${model}.onnx`));
  const read = readStudent(file);
  const student = onnxStudent(read.config);
  const found = await step(student, read.weights, golden.get('pixels')!);
  const names = [...golden.keys()].filter((key) => key.startsWith('grad.')).map((key) => key.slice('grad.'.length));
  const apart = names.map((name) => {
    const [own, exact] = [found.get(`grad.${name}`), golden.get(`grad.${name}`)!];
    return {
      name,
      own: own ? relative(own, exact) : Number.POSITIVE_INFINITY,
      torch: golden.get(`torch.${name}`)![0]!,
    };
  });
  const worst = apart.reduce((a, b) => (b.own > a.own ? b : a));
  const all = (of: (name: string) => Float32Array) => Math.hypot(...names.map((name) => norm(of(name))));
  const exact = (name: string) => golden.get(`grad.${name}`)!;
  const gradient = all((name) => minus(found.get(`grad.${name}`)!, exact(name))) / all(exact);
  const loss = Math.abs(found.get('loss')![0]! / golden.get('loss')![0]! - 1);
  const written = withValues(
    student.file,
    new Map([...read.weights].map(([name, w]) => [name, { ...w, data: w.data.map((x) => -x) }])),
  );
  const same = Buffer.from(withoutValues(written, read.weights)).equals(withoutValues(file.bytes, read.weights));
  const whole = [...found.keys()].filter((key) => key.startsWith('grad.')).length === names.length;
  // Rounding decides on which side of a kink a value is: where PyTorch's own float32 is further off, ours may be twice that.
  const near = apart.every(({ own, torch }) => own <= Math.max(LIMIT, 2 * torch));
  const parameters = [...read.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  return { model, parameters, loss, gradient, worst, same, agrees: same && whole && near && loss <= LIMIT };
}

/** Loss and the gradient of each weight. */
async function step(
  student: Model,
  weights: ReadStudent['weights'],
  images: Float32Array,
): Promise<Map<string, Float32Array>> {
  const shapes = [BATCH, 3, SIDE, SIDE];
  const tensors = new Map<string, Tensor>();
  const store = inputStore('', ({ name, shape }) => {
    const made = input(name, shape);
    tensors.set(name, made);
    return made;
  });
  const { logits } = student.build(new Scope(store, true), input('pixels', shapes));
  const loss = crossEntropy(logits, input('targets', [BATCH, CLASSES]));
  const trained = [...store.params.values()].filter(({ role }) => role === 'param').map(({ name }) => name);
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  const gradients = grad(
    loss,
    trained.map((name) => tensors.get(name)!),
  );
  for (const [i, g] of gradients.entries()) outputs.set(`grad.${trained[i]}`, g);
  const engine = ortNode();
  const compiled = await engine.compile(closeProgram(outputs));
  const into = Object.fromEntries([...outputs].map(([port, t]) => [port, engine.empty('float32', t.shape)]));
  const targets = new Float32Array(BATCH * CLASSES);
  for (let row = 0; row < BATCH; row++) targets[row * CLASSES + row * 37] = 1;
  const feeds = {
    pixels: engine.tensor('float32', shapes, images),
    targets: engine.tensor('float32', [BATCH, CLASSES], targets),
    ...Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, engine.tensor('float32', shape, data)])),
  };
  await compiled.run(feeds, into);
  const found = new Map<string, Float32Array>();
  for (const port of outputs.keys()) found.set(port, ((await into[port]!.read()) as Float32Array).slice());
  await compiled.dispose();
  return found;
}

const norm = (x: Float32Array): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
const minus = (a: Float32Array, b: Float32Array): Float32Array => a.map((x, i) => x - b[i]!);
const relative = (a: Float32Array, b: Float32Array): number => norm(minus(a, b)) / norm(b);
