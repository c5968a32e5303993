import type { RunEvent, RunResult, RunSettings } from 'understudy/browser';
import * as library from 'understudy/browser';
import type { Kind, Plan, Teacher, Training } from '../protocol.ts';
import { kindOf, knows } from '../kind.ts';
import { missing } from '../missing.ts';
import { picturesByClass } from './pictures.ts';
import { change, changeTraining, project } from './project.ts';
import { Listener } from './progress.ts';
import { runtime, threads } from './runtime.ts';
import { teacherSource } from './teacher.ts';

/**
 * Our choice: networks for pictures up to 64 px, since a tab trains on one or a few threads; larger pictures are made smaller.
 * From 200 photos of ten hand signs resnet8_small was right on 55 % of those of other people and vit_pico_patch4 on 37 %, after 25
 * passes of as many seconds (studies/handSignsPage.yaml): without a teacher a transformer needs more pictures than people bring.
 */
const STUDENTS: Readonly<Record<Exclude<Kind, 'auto'>, Readonly<Record<Plan['size'], string>>>> = {
  convolutional: { small: 'resnet8_small', medium: 'resnet14_small', large: 'resnet20_small' },
  transformer: { small: 'vit_pico_patch4', medium: 'vit_nano_patch4', large: 'vit_micro_patch4' },
};

/** Seconds between checkpoints at most: what a closed tab may lose. */
const CHECKPOINT_SECONDS = 20;

let stop: AbortController | undefined;
let over: Promise<void> = Promise.resolve();

/** Begins a training with the pictures, the teacher and the plan as they are; the answer comes once it runs. */
export async function begin(): Promise<void> {
  const { classes, training, plan, teacher, begun } = project();
  if (training?.state === 'running' || training?.state === 'paused')
    throw new Error('A training is under way. Finish it, or start over.');
  const wanted = missing(classes);
  if (wanted) throw new Error(wanted);
  const name = await freeRun(begun + 1);
  const next: Training = { name, state: 'running', plan, teacher, usable: false };
  await change({ training: next, begun: begun + 1 });
  go(next, false);
}

const freeRun = async (number: number): Promise<string> => {
  const taken = await library.storedRuns();
  let next = number;
  while (taken.includes(`training ${next}`)) next++;
  return `training ${next}`;
};

/** Goes on from the last checkpoint; where the page was closed before the first one, from the start. */
export async function goOn(byItself = false): Promise<void> {
  const { training } = project();
  if (!training || training.state === 'done') throw new Error('There is no training to go on with. Press Train.');
  if (stop) return;
  const stored = (await library.storedRuns()).includes(training.name);
  const { fault: _, ...rest } = training;
  const next: Training = { ...rest, state: 'running', tries: byItself ? (rest.tries ?? 0) + 1 : 0 };
  await change({ training: next });
  go(next, stored);
}

/** Saves a checkpoint and stops; the answer comes when it is saved. */
export async function pause(): Promise<void> {
  stop?.abort();
  await over;
}

/** Ends the training and deletes what it has made. */
export async function discard(): Promise<void> {
  await pause();
  const { training } = project();
  if (!training) return;
  await change({ training: null });
  await library.deleteRun(training.name);
}

/** Makes room for another training. A finished one keeps its model, and may teach. */
export async function putAway(): Promise<void> {
  if (project().training?.state === 'done') await change({ training: null });
}

function go(training: Training, resume: boolean): void {
  const abort = new AbortController();
  stop = abort;
  over = run(training, resume, abort.signal)
    .then(
      (result) => ended(result),
      (error) => changeTraining({ state: 'failed', fault: String((error as Error).message ?? error) }),
    )
    .finally(() => {
      stop = undefined;
    });
}

async function run(training: Training, resume: boolean, signal: AbortSignal): Promise<RunResult> {
  const { plan, teacher, name } = training;
  const data = library.imagesOf(await picturesByClass(), { name: 'pictures' });
  const events = new Listener();
  const common = { runtime: await runtime(), data, signal, onEvent: (event: RunEvent) => events.on(event) };
  const source = teacher ? await teacherSource(teacher) : undefined;
  try {
    if (resume) return await library.resume(name, { ...common, ...(source !== undefined && { teacher: source }) });
    const options = { ...common, out: name, settings: settingsOf(plan, teacher) };
    const kind = kindOf(plan, teacher);
    const student = STUDENTS[kind][plan.size];
    if (teacher === null || source === undefined) return await library.train({ ...options, model: student });
    // What speeds a transformer up on few pictures are a convolutional teacher's maps (docs/results.md), not its answers.
    const method = teacher.convolutional && kind === 'transformer' ? 'dearkd' : 'kd';
    return await library.distill({ ...options, student, teacher: source, method });
  } finally {
    events.close();
  }
}

/** What the page's words mean as settings of a run. Everything else is left to the library's own choices. */
const settingsOf = ({ length, passes, mirror }: Plan, teacher: Teacher | null): RunSettings => ({
  train: {
    threads: threads(),
    checkpointSeconds: CHECKPOINT_SECONDS,
    ...(length === 'auto' ? {} : length === 'passes' ? { epochs: passes } : { budget: length }),
  },
  ...(mirror ? {} : { augment: { flip: 0 } }),
  ...(teacher && {
    teacher: { ref: teacher.name, ...(knows(teacher, project().classes) ? {} : { fitHead: 'ridge' as const }) },
  }),
});

async function ended({ reason, best, seconds, student }: RunResult): Promise<void> {
  if (reason === 'interrupted') return changeTraining({ state: 'paused' });
  const outcome = { top1: best?.top1 ?? null, seconds, parameters: student?.parameters ?? null };
  return changeTraining({ state: 'done', usable: true, outcome });
}
