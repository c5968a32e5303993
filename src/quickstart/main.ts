import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/atomicNode.ts';
import { makeFolder } from '../formats/makeFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { distill, evaluate, exportModel, loadModel, resume, type RunEvent, train } from '../index.ts';
import { findFolder } from '../formats/atomicNode.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import { MNIST_SPLIT, writeMnistFolder } from './mnistFolder.ts';
import { type Report, showReport } from './report.ts';

const ROOT = 'runs/quickstart';
const DATA = join(ROOT, 'mnist');
const STUDENT = 'vit_pico_patch4';
/** Images that the students learn from; the teacher has seen 7,000. */
const STUDENT_IMAGES = 1000;

/** Digits are not mirrored and sit in the middle of their image; all else is chosen from the data. */
const DIGITS = { augment: { flip: 0, padding: 2 } } as const;
const TEACHER = { ...DIGITS, train: { epochs: 10, evalEvery: 2 } } as const;
/** The three students differ in the method alone: same images, same seed, same number of steps. */
const BUDGET = { ...DIGITS, data: { images: STUDENT_IMAGES }, train: { epochs: 30, evalEvery: 10 } } as const;

/**
 * The main job on real images in a few minutes, through the same functions as the commands: trains a small ResNet on 7,000
 * digits, then the same tiny Vision Transformer on 1,000 of them alone, with soft distillation and with DearKD. Interrupted, it
 * goes on where it stopped.
 */
async function quickstart(): Promise<void> {
  const before = await finished();
  if (before) return show(before);
  const started = performance.now();
  say(`The ${MNIST_SPLIT.train + MNIST_SPLIT.val} MNIST digits as a class folder: ${DATA}`);
  await writeMnistFolder(DATA);
  const teacher = join(ROOT, 'teacher');
  await once('1/4 The teacher: a small ResNet on 7,000 digits', teacher, (out, onEvent) =>
    train({ data: DATA, model: 'resnet8_small', out, settings: TEACHER, onEvent }),
  );
  const common = { data: DATA, settings: BUDGET };
  const runs = { alone: join(ROOT, 'alone'), kd: join(ROOT, 'kd'), dearkd: join(ROOT, 'dearkd') };
  await once('2/4 A tiny Vision Transformer on 1,000 digits, alone', runs.alone, (out, onEvent) =>
    train({ ...common, model: STUDENT, out, onEvent }),
  );
  await once('3/4 The same with soft distillation', runs.kd, (out, onEvent) =>
    distill({ ...common, teacher, student: STUDENT, method: 'kd', out, onEvent }),
  );
  await once('4/4 The same with DearKD', runs.dearkd, (out, onEvent) =>
    distill({ ...common, teacher, student: STUDENT, method: 'dearkd', out, onEvent }),
  );
  const report = await measure({ teacher, ...runs }, started);
  await writeFileAtomic(join(ROOT, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await show(report);
}

type Start = (out: string, onEvent: (event: RunEvent) => void) => Promise<unknown>;

/** Starts a run, or goes on with it, showing its progress. */
async function once(title: string, out: string, start: Start): Promise<void> {
  say(title);
  const logger = consoleLogger();
  const quiet = new Set(['note', 'checkpoint', 'runEnd']);
  const onEvent = (event: RunEvent) => {
    if (!quiet.has(event.type)) logger.on(event);
  };
  try {
    const begun = (await findFolder(join(out, 'checkpoints/last'))) !== undefined;
    await (begun ? resume(out, { onEvent }) : start(out, onEvent));
  } finally {
    await logger.close();
  }
}

/**
 * Evaluates the weights of each run's last step: choosing the best step by these same digits would flatter it.
 * The best student is exported and asked for one prediction.
 */
async function measure(runs: Record<'teacher' | 'alone' | 'kd' | 'dearkd', string>, started: number): Promise<Report> {
  say(`Evaluating on ${MNIST_SPLIT.val} held-out digits`);
  const top1 = async (run: string) => (await evaluate(join(run, 'checkpoints/last'), { data: DATA })).top1!;
  const found = {
    teacher: await top1(runs.teacher),
    alone: await top1(runs.alone),
    kd: await top1(runs.kd),
    dearkd: await top1(runs.dearkd),
  };
  const best = (['alone', 'kd', 'dearkd'] as const).reduce((a, b) => (found[b] > found[a] ? b : a));
  const exported = join(ROOT, 'student');
  if (!existsSync(exported)) await exportModel(join(runs[best], 'checkpoints/last'), { out: exported, data: DATA });
  return {
    teacher: { top1: found.teacher },
    alone: { top1: found.alone },
    kd: { top1: found.kd },
    dearkd: { top1: found.dearkd },
    images: { teacher: MNIST_SPLIT.train, student: STUDENT_IMAGES, test: MNIST_SPLIT.val },
    seconds: Math.round((performance.now() - started) / 1000),
    best,
    exported,
  };
}

async function finished(): Promise<Report | undefined> {
  const path = join(ROOT, 'report.json');
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as Report) : undefined;
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

makeFolder(ROOT);
try {
  await quickstart();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
