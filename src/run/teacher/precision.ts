import type { Compiled, Engine, EngineTensor } from '../../engine/contract.ts';
import type { Loader } from '../../data/loading/loader.ts';
import type { Platform } from '../../host/host.ts';
import type { ImageList } from '../../data/dataset.ts';
import { imageName, select } from '../../data/dataset.ts';
import { type Answering, checkAnswer, checkRows } from '../../engine/finiteAnswer.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import { isInput } from '../../graph/build.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { listNames } from '../../graph/names.ts';
import { topologicalOrder } from '../../graph/walk.ts';
import { reduceMax, reduceMin } from '../../ops/reduce.ts';
import type { Program } from '../../program/program.ts';
import { closeProgram } from '../../program/program.ts';
import { calibrated, type Range } from '../../program/quantise.ts';
import { countMacs } from '../models/countMacs.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import { evalBatches, type LoaderConfig } from '../datasets/loaders.ts';
import { type Agreement, decisionsAgree, embeddingsAgree } from './agreement.ts';
import { type TeacherUse, teacherProgram, teacherTensors } from './features.ts';

/** How a stage's teacher computes; saved with a checkpoint, so that a run goes on with the same numbers. */
export interface TeacherChoice {
  readonly precision: 'fp32' | 'int8';
  /** Of the activations, in 8 bits. */
  readonly ranges?: readonly NamedRange[];
}

/** A range and the place of its activation in the teacher, by which a checkpoint of another version is known. */
export interface NamedRange extends Range {
  readonly of: string;
}

export interface PrecisionTask {
  readonly use: TeacherUse;
  readonly platform: Platform;
  readonly precision: 'auto' | 'int8' | 'fp32';
  /** The names that the stage reads. */
  readonly names: readonly string[];
  /** Of the training step, whose speed counts. */
  readonly batch: number;
  /** How the step's pixels are normalised. */
  readonly given: Pick<Preprocessing, 'mean' | 'std'>;
  /** Images of the user. */
  readonly sample: ImageList;
  readonly config: LoaderConfig;
  readonly note: (message: string) => void;
}

/** "auto" takes 8 bits if at least this share of the decisions is float's, or the mean cosine of embeddings is as high. */
const ENOUGH = 0.99;
/** Images whose activations give the ranges, and further ones on which the decisions are compared. Our choice. */
const [CALIBRATION, COMPARISON] = [64, 256];
/** Our choice: below so many multiply-accumulates an image a teacher is quick enough in float. */
const WORTH_IT = 100e6;
/** Our choice: a gain smaller than this is not worth the rounding. */
const FASTER = 1.1;

/** Multiply-accumulates of one image. */
function macsOf(features: readonly Tensor[]): number {
  const pixels = topologicalOrder(features)
    .map(({ outputs }) => outputs[0]!)
    .find(isInput);
  return pixels ? countMacs(features, pixels) : 0;
}

/** Decides how the teacher computes and says why. */
export async function chooseTeacher(task: PrecisionTask): Promise<TeacherChoice> {
  const { precision, platform, use, names, given } = task;
  const float = (reason: string): TeacherChoice => {
    task.note(`teacher.precision = fp32 (${reason})`);
    return { precision: 'fp32' };
  };
  if (precision === 'fp32') return { precision };
  if (platform.engine.name !== 'ort-node-cpu') return float('8 bits are for the CPU');
  const macs = macsOf(teacherTensors(use, 1, given, names));
  if (precision === 'auto' && macs < WORTH_IT) return float('the teacher is small');
  if (heldPlaces(use, 1, withLogits(names)).length === 0) return float('none of its products is for 8 bits');
  const { ranges, agreement, found } = await compare(task);
  if (precision === 'int8') {
    task.note(`teacher.precision = int8 (${found})`);
    return { precision, ranges };
  }
  if (agreement < ENOUGH) return float(`${found}; wanted ${100 * ENOUGH} %`);
  const gain = await speedUp(task, ranges);
  if (gain < FASTER) return float(`${found}, but is only ${gain.toFixed(2)} times as fast`);
  task.note(`teacher.precision = int8 (${found}, and is ${gain.toFixed(1)} times as fast)`);
  return { precision: 'int8', ranges };
}

/** The names of the graph that ranges belong to: the decisions are compared whatever the method reads. */
export const withLogits = (names: readonly string[]): readonly string[] =>
  names.includes('logits') ? names : [...names, 'logits'];

interface Compared extends Agreement {
  readonly ranges: readonly NamedRange[];
}

/** Ranges from some images; decisions in float and in 8 bits on others, as long as there are enough. */
async function compare({ use, platform, names, sample, config }: PrecisionTask): Promise<Compared> {
  const { preprocessing } = use.teacher;
  const { engine } = platform;
  const picked = spread(sample.paths.length, CALIBRATION + COMPARISON);
  const quarter = picked.filter((_, i) => i % 4 === 0).slice(0, CALIBRATION);
  const rest = picked.filter((at) => !quarter.includes(at)).slice(0, COMPARISON);
  const measured = rest.length > 0 ? rest : quarter;
  const batch = Math.min(16, quarter.length);
  const over = (indices: readonly number[]) =>
    platform.loader(evalBatches(select(sample, indices), evalTransform(preprocessing), batch, config));
  const all = withLogits(names);
  const naming = (indices: readonly number[]): Answering => ({
    model: use.teacher.path,
    image: (index) => imageName(sample, indices[index]!),
  });
  const found = await rangesOf(use, engine, batch, all, over(quarter), naming(quarter));
  const places = heldPlaces(use, batch, all);
  const ranges = found.map((range, i) => ({ ...range, of: places[i]! }));
  const float = await logitsOf(
    engine,
    teacherProgram(use, batch, preprocessing, all, undefined, ['logits']),
    over(measured),
    naming(measured),
  );
  const eight = await logitsOf(
    engine,
    teacherProgram(use, batch, preprocessing, all, ranges, ['logits']),
    over(measured),
    naming(measured),
  );
  return { ranges, ...(use.teacher.network.classes === 0 ? embeddingsAgree : decisionsAgree)(float, eight) };
}

/** Up to `count` indices of 0..n-1, evenly spread. */
export function spread(n: number, count: number): number[] {
  const taken = Math.min(n, count);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * n) / taken));
}

async function rangesOf(
  use: TeacherUse,
  engine: Engine,
  batch: number,
  names: readonly string[],
  loader: Loader,
  { model, image }: Answering,
): Promise<Range[]> {
  const ranges: Range[] = [];
  await forEachBatch(engine, rangesProgram(use, batch, names), loader, async (outputs, valid, indices) => {
    await widenRanges(ranges, outputs);
    const seen = [...indices].filter((_, row) => valid[row]).map(image);
    const ends = Float32Array.from(ranges.flatMap(({ min, max }) => [min, max]));
    checkAnswer(ends, 'smallest and largest activations', model, `one of ${listNames(seen)}`);
  });
  return ranges;
}

/** `pixels`, normalised for the teacher, -> smallest and largest value of each activation that is to be held in 8 bits. */
export function rangesProgram(use: TeacherUse, batch: number, names: readonly string[]): Program {
  const tensors = calibrated(teacherTensors(use, batch, use.teacher.preprocessing, names), batch);
  return closeProgram(
    new Map(tensors.flatMap((t, i) => [[`min.${i}`, reduceMin(t)] as const, [`max.${i}`, reduceMax(t)] as const])),
  );
}

/** Where the activations to hold are: scope, operator and width, in their order. */
function heldPlaces(use: TeacherUse, batch: number, names: readonly string[]): string[] {
  const tensors = calibrated(teacherTensors(use, batch, use.teacher.preprocessing, names), batch);
  return tensors.map(({ node, shape }) => `${node.label}/${node.op.name} ${shape.at(-1)}`);
}

/** Whether saved ranges, if there are any, are of the activations that the graph holds. */
export function rangesFit(
  use: TeacherUse,
  batch: number,
  names: readonly string[],
  { ranges }: TeacherChoice,
): boolean {
  if (!ranges) return true;
  const places = heldPlaces(use, batch, names);
  return ranges.length === places.length && ranges.every(({ of }, i) => of === places[i]);
}

/** Takes the outputs of `rangesProgram` in. */
export async function widenRanges(ranges: Range[], outputs: Readonly<Record<string, EngineTensor>>): Promise<void> {
  const value = async (port: string) => ((await outputs[port]!.read()) as Float32Array)[0]!;
  for (let i = 0; outputs[`min.${i}`]; i++) {
    const held = ranges[i] ?? { min: 0, max: 0 };
    ranges[i] = { min: Math.min(held.min, await value(`min.${i}`)), max: Math.max(held.max, await value(`max.${i}`)) };
  }
}

async function logitsOf(
  engine: Engine,
  program: Program,
  loader: Loader,
  answering: Answering,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const classes = program.outputs.get('logits')!.shape[1]!;
  await forEachBatch(engine, program, loader, async ({ logits }, valid, indices) => {
    const values = (await logits!.read()) as Float32Array;
    checkRows(
      values,
      'logits',
      answering,
      indices.map((index, row) => (valid[row] ? index : -1)),
    );
    valid.forEach((is, row) => {
      if (is) rows.push(values.slice(row * classes, (row + 1) * classes));
    });
  });
  return rows;
}

async function forEachBatch(
  engine: Engine,
  program: Program,
  loader: Loader,
  take: (outputs: Readonly<Record<string, EngineTensor>>, valid: Uint8Array, indices: Int32Array) => Promise<void>,
): Promise<void> {
  const compiled = await engine.compile(program);
  const into = outputsOf(engine, program);
  const { shape } = program.inputs.get('pixels')!;
  try {
    for await (const batch of loader.batches()) {
      await compiled.run({ pixels: engine.tensor('float32', shape, batch.images) }, into);
      await take(into, batch.valid, batch.indices);
      batch.release();
    }
  } finally {
    await compiled.dispose();
    await loader.close();
  }
}

const outputsOf = (engine: Engine, program: Program): Record<string, EngineTensor> =>
  Object.fromEntries([...program.outputs].map(([port, { dtype, shape }]) => [port, engine.empty(dtype, shape)]));

/** How many times as fast 8 bits are, at the step's batch and depth; in turn, so that both see the same machine. */
async function speedUp(
  { use, platform: { engine, clock }, names, batch, given }: PrecisionTask,
  ranges: readonly Range[],
): Promise<number> {
  const all = withLogits(names);
  const programs = [undefined, ranges].map((r) => teacherProgram(use, batch, given, all, r, names));
  const compiled: Compiled[] = [];
  for (const program of programs) compiled.push(await engine.compile(program));
  const best = programs.map(() => Number.POSITIVE_INFINITY);
  const port = programs[0]!.inputs.get('pixels')!;
  const pixels = engine.empty('float32', port.shape);
  for (let round = 0; round < 4; round++)
    for (const [i, program] of programs.entries()) {
      const before = clock.elapsed();
      await compiled[i]!.run({ pixels }, outputsOf(engine, program));
      best[i] = Math.min(best[i]!, clock.elapsed() - before);
    }
  for (const one of compiled) await one.dispose();
  return best[0]! / best[1]!;
}
