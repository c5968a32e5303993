import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import { distill, evaluate, exportModel, loadModel, resume, type RunEvent, train } from '../index.ts';
import { findFolder } from '../formats/disk/atomicNode.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import { MNIST_SPLIT, writeMnistFolder } from './mnistFolder.ts';
import { type Report, type Score, type StudentName, showReport } from './report.ts';

const ROOT = 'runs/quickstart';
const DATA = join(ROOT, 'mnist');
const STUDENT = 'vit_pico_patch4';
/** Images that the students learn from; the teacher has seen 7,000. */
const STUDENT_IMAGES = 1000;

/** Digits are not mirrored and sit in the middle of their image; all else is chosen from the data. */
const DIGITS = { augment: { flip: 0, padding: 2 } } as const;
const TEACHER_EPOCHS = 10;
const TEACHER = { ...DIGITS, train: { epochs: TEACHER_EPOCHS, evalEvery: 2 } } as const;

/** DearKD's layers for the early maps of a CNN: as many as it takes here, for a student that learns without it. */
const MHCA = { student: { settings: { mhca: { layers: 2 } } } } as const;

/**
 * All students have the same images and seed. An epoch with DearKD costs twice the processor time of one alone, an epoch with its
 * MHCA layers 1.3 times: the epochs of the last two are those of as much processor time, which the table shows.
 */
const STUDENTS: Readonly<Record<StudentName, Plan>> = {
  alone: { title: 'A tiny Vision Transformer on 1,000 digits, alone', epochs: 30 },
  kd: { title: 'The same with soft distillation', epochs: 30, method: 'kd' },
  dearkd: { title: 'The same with DearKD', epochs: 30, method: 'dearkd' },
  longer: { title: 'Alone, for as long as DearKD took', epochs: 60 },
  longerMhca: { title: "The same with DearKD's MHCA layers", epochs: 46, settings: MHCA },
};

interface Plan {
  readonly title: string;
  readonly epochs: number;
  readonly method?: 'kd' | 'dearkd';
  readonly settings?: typeof MHCA;
}

/**
 * The main job on real images in a few minutes, through the same functions as the commands: trains a small ResNet on 7,000
 * digits, then the same tiny Vision Transformer on 1,000 of them: alone, with soft distillation and with DearKD, and alone for as
 * long as DearKD took. Interrupted, it goes on where it stopped.
 */
export async function quickstart(): Promise<void> {
  makeFolder(ROOT);
  const before = await finished();
  if (before) return show(before);
  const started = performance.now();
  say(`The ${MNIST_SPLIT.train + MNIST_SPLIT.val} MNIST digits as a class folder: ${DATA}`);
  await writeMnistFolder(DATA);
  const names = Object.keys(STUDENTS) as StudentName[];
  const count = names.length + 1;
  const teacher = join(ROOT, 'teacher');
  await once(`1/${count} The teacher: a small ResNet on 7,000 digits`, teacher, (out, onEvent) =>
    train({ data: DATA, model: 'resnet8_small', out, settings: TEACHER, onEvent }),
  );
  for (const [i, name] of names.entries())
    await once(`${i + 2}/${count} ${STUDENTS[name].title}`, join(ROOT, name), (out, onEvent) =>
      learn(STUDENTS[name], teacher, out, onEvent),
    );
  const report = await measure(names, started);
  await writeFileAtomic(join(ROOT, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await show(report);
}

function learn({ epochs, method, settings }: Plan, teacher: string, out: string, onEvent: OnEvent): Promise<unknown> {
  const budget = { data: { images: STUDENT_IMAGES }, train: { epochs, evalEvery: epochs } };
  const common = { data: DATA, settings: { ...DIGITS, ...budget, ...settings }, out, onEvent };
  return method === undefined
    ? train({ ...common, model: STUDENT })
    : distill({ ...common, teacher, student: STUDENT, method });
}

type OnEvent = (event: RunEvent) => void;

/** Starts a run, or goes on with it, showing its progress, and keeps what processor time it took. */
async function once(
  title: string,
  out: string,
  start: (out: string, onEvent: OnEvent) => Promise<unknown>,
): Promise<void> {
  say(title);
  const logger = consoleLogger();
  const quiet = new Set(['note', 'checkpoint', 'runEnd']);
  const onEvent = (event: RunEvent) => {
    if (!quiet.has(event.type)) logger.on(event);
  };
  try {
    const begun = (await findFolder(join(out, 'checkpoints/last'))) !== undefined;
    const before = process.cpuUsage();
    await (begun ? resume(out, { onEvent }) : start(out, onEvent));
    const { user, system } = process.cpuUsage(before);
    // What a run had taken before it was interrupted is not known.
    if (!begun) await writeFileAtomic(costFile(out), JSON.stringify({ cpuSeconds: (user + system) / 1e6 }));
  } finally {
    await logger.close();
  }
}

const costFile = (run: string): string => `${run}.cost.json`;

async function costOf(run: string): Promise<{ cpuSeconds?: number }> {
  return existsSync(costFile(run)) ? (JSON.parse(await readFile(costFile(run), 'utf8')) as { cpuSeconds: number }) : {};
}

/**
 * Evaluates the weights of each run's last step: choosing the best step by these same digits would flatter it.
 * The best student is exported and asked for one prediction.
 */
async function measure(names: readonly StudentName[], started: number): Promise<Report> {
  say(`Evaluating on ${MNIST_SPLIT.val} held-out digits`);
  const score = async (name: string, epochs: number): Promise<Score> => {
    const run = join(ROOT, name);
    const { top1 } = await evaluate(join(run, 'checkpoints/last'), { data: DATA });
    return { top1: top1!, epochs, ...(await costOf(run)) };
  };
  const teacher = await score('teacher', TEACHER_EPOCHS);
  const students = {} as Record<StudentName, Score>;
  for (const name of names) students[name] = await score(name, STUDENTS[name].epochs);
  const best = names.reduce((a, b) => (students[b].top1 > students[a].top1 ? b : a));
  const exported = join(ROOT, 'student');
  if (!existsSync(exported)) await exportModel(join(ROOT, best, 'checkpoints/last'), { out: exported, data: DATA });
  return {
    teacher,
    students,
    images: { teacher: MNIST_SPLIT.train, student: STUDENT_IMAGES, test: MNIST_SPLIT.val },
    seconds: Math.round((performance.now() - started) / 1000),
    best,
    exported,
  };
}

/** The report of a quickstart that is done; one of an earlier version has fewer students. */
async function finished(): Promise<Report | undefined> {
  const path = join(ROOT, 'report.json');
  const report = existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as Partial<Report>) : {};
  return report.students ? (report as Report) : undefined;
}

async function show(report: Report): Promise<void> {
  const model = await loadModel(report.exported);
  const folder = join(DATA, 'val', '7');
  const image = join(folder, readdirSync(folder).sort()[0]!);
  const [first] = await model.predict(image);
  await model.dispose();
  console.log(showReport(report, { data: DATA, image, answer: first!.class, probability: first!.probability }));
}

function say(text: string): void {
  console.error(`\n${text}`);
}
