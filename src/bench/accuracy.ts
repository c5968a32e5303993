import { existsSync } from 'node:fs';
import type { RunInput } from '../config/schema.ts';
import { overlay, type Settings } from '../config/settings.ts';
import { fashionAvailable } from '../study/fashionNode.ts';
import { handSignsAvailable } from '../study/handSignsNode.ts';
import { prepareData } from '../study/prepare.ts';
import type { Course, CoursePoint } from './course.ts';
import { reachedIn } from './course.ts';
import { median, peerTorch, runPeer, runWorker, tunedBlas } from './peer.ts';

/** A set of images with the accuracy on its test part that is to be reached. */
interface Task {
  readonly name: 'fashion' | 'handSigns';
  readonly dir: string;
  readonly available: (dir: string) => boolean;
  readonly target: number;
  /** Training images of which an epoch is made; null: all. */
  readonly images: number | null;
  /** Of the schedule of each way: about as few as reach the target. */
  readonly epochs: Readonly<Record<Arm, number>>;
  readonly imageSize: number;
  readonly patchSize: number;
  readonly padding: number;
  readonly flip: boolean;
}

export const FASHION: Task = {
  ...{ name: 'fashion', dir: 'runs/data/fashion', available: (dir) => fashionAvailable(dir) },
  ...{ target: 0.85, images: 15_000, imageSize: 28, patchSize: 7, padding: 0, flip: true },
  epochs: { alone: 4, adamw: 8, before: 20, pytorch: 4 },
};
const HAND_SIGNS: Task = {
  ...{ name: 'handSigns', dir: 'runs/data/handSigns', available: handSignsAvailable },
  ...{ target: 0.9, images: null, imageSize: 64, patchSize: 8, padding: 8, flip: false },
  epochs: { alone: 40, adamw: 80, before: 120, pytorch: 40 },
};
const TASKS: readonly Task[] = [FASHION, HAND_SIGNS];
/** Our choice: what one core does in a minute or two, PyTorch included. */
const QUICK: readonly Task[] = [
  { ...FASHION, target: 0.7, images: 6000, epochs: { alone: 3, adamw: 3, before: 3, pytorch: 3 } },
];

const BATCH = 50;
/** `optim.lr` of `list defaults` for this student and batch; the peer is told it. */
const LR = 0.0035;
const STUDENT = { width: 64, heads: 4, depth: 4, mlp: 2 };

/** How a student of ours learns, beside what all share. Without a teacher: where every image has a label none has been tried here. */
export const ARMS: Readonly<Record<'alone' | 'adamw' | 'before', Settings>> = {
  alone: {},
  adamw: { optim: { name: 'adamw' } },
  /** AdamW, weights and positions that begin as DeiT's, and the default crop: what `alone` was before. */
  before: {
    optim: { name: 'adamw' },
    student: { settings: { linearInit: 'fixed', positionInit: 'random' } },
    augment: { padding: 'auto' },
  },
};
type Arm = keyof typeof ARMS | 'pytorch';

export interface ArmResult {
  /** Processor seconds to the target by round, evaluations left out; null where it was not reached. */
  readonly cpuSeconds: readonly (number | null)[];
  readonly wallSeconds: readonly (number | null)[];
  /** Top-1 at the last evaluation, by round. */
  readonly last: readonly number[];
  readonly curves: readonly (readonly CoursePoint[])[];
}

export interface TaskResult {
  readonly name: string;
  readonly target: number;
  readonly arms: Readonly<Partial<Record<Arm, ArmResult>>>;
  /** Processor seconds of another arm over those of `alone`: medians of the rounds in which both reached the target. */
  readonly over: Readonly<Partial<Record<Arm, number | null>>>;
}

export interface AccuracyBench {
  readonly rounds: number;
  readonly batch: number;
  readonly tasks: readonly TaskResult[];
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

/** Time to accuracy: trains until the target is reached, each way in turn, so that what else the machine does meets all of them. */
export async function benchAccuracy(quick: boolean, rounds: number): Promise<AccuracyBench> {
  const { torch, skipped: noTorch } = peerTorch();
  const skipped = [...noTorch];
  const tasks: TaskResult[] = [];
  for (const task of quick ? QUICK : TASKS) {
    if (!task.available(task.dir))
      skipped.push(`${task.name}: its images are not here (docs/studies.md says from where)`);
    else tasks.push(await benchTask(task, rounds, torch?.python));
  }
  return { rounds, batch: BATCH, tasks, skipped };
}

async function benchTask(task: Task, rounds: number, torch: string | undefined): Promise<TaskResult> {
  if (!existsSync(task.dir)) await prepareData(task.name, task.dir);
  const names: Arm[] = [...(Object.keys(ARMS) as (keyof typeof ARMS)[]), ...(torch ? (['pytorch'] as const) : [])];
  const courses = new Map<Arm, Course[]>(names.map((name) => [name, []]));
  for (let seed = 0; seed < rounds; seed++)
    for (const name of names) courses.get(name)!.push(await courseOf(task, name, seed, torch));
  const arms = Object.fromEntries([...courses].map(([name, runs]) => [name, resultOf(runs)]));
  const over = Object.fromEntries(
    names.slice(1).map((name) => [name, ratio(courses.get(name)!, courses.get('alone')!)]),
  );
  return { name: task.name, target: task.target, arms, over };
}

async function courseOf(task: Task, arm: Arm, seed: number, torch: string | undefined): Promise<Course> {
  if (arm !== 'pytorch')
    return runWorker<Course>('accuracyWorker', [JSON.stringify(configOf(task, arm, seed)), String(task.target)]);
  const { curve } = await runPeer<Course>(torch!, 'accuracy.py', peerArguments(task, seed), tunedBlas());
  return { curve, reached: reachedIn(curve, task.target) };
}

export function configOf(task: Task, arm: keyof typeof ARMS, seed: number): RunInput {
  const { dir, images, imageSize, patchSize, padding, flip } = task;
  const epochs = task.epochs[arm];
  const shared = {
    data: { dir, images, workers: 1 },
    student: { name: 'vit_pico_patch4', imageSize, settings: { patchSize } },
    augment: { padding, flip: flip ? 0.5 : 0 },
    optim: { lr: LR },
    train: { batch: BATCH, epochs, seed, threads: 1 },
  };
  return overlay(shared, ARMS[arm]) as unknown as RunInput;
}

/** The recipe of `alone`, the start of its weights included. */
function peerArguments(task: Task, seed: number): string[] {
  const { dir, images, imageSize, patchSize, padding, flip, target } = task;
  const epochs = task.epochs.pytorch;
  const values = {
    ...{ dir, target, seed, epochs, padding, flip: Number(flip), image: imageSize, patch: patchSize },
    ...{ images: images ?? 0, batch: BATCH, lr: LR, std: 0, threads: 1, ...STUDENT },
  };
  return Object.entries(values).flatMap(([key, value]) => [`--${key}`, String(value)]);
}

function resultOf(courses: readonly Course[]): ArmResult {
  return {
    cpuSeconds: courses.map(({ reached }) => reached?.cpuSeconds ?? null),
    wallSeconds: courses.map(({ reached }) => reached?.wallSeconds ?? null),
    last: courses.map(({ curve }) => curve.at(-1)!.top1),
    curves: courses.map(({ curve }) => curve),
  };
}

function ratio(courses: readonly Course[], alone: readonly Course[]): number | null {
  const ratios = courses.flatMap(({ reached }, i) => {
    const other = alone[i]!.reached;
    return reached && other ? [reached.cpuSeconds / other.cpuSeconds] : [];
  });
  return ratios.length > 0 ? median(ratios) : null;
}
