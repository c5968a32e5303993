import { computed, signal } from '@preact/signals';
import type { GivenPictures } from '../../src/studio/given.ts';
import { type Client, startWorker } from './client.ts';
import type { Choice, Point, Project, Rate, Told, Training } from './protocol.ts';

/** What the page shows. It is kept by the worker, which tells each change. */

export type Phase = 'opening' | 'waiting' | 'ready' | 'broken';
export const phase = signal<Phase>('opening');
export const project = signal<Project | null>(null);
export const runs = signal<readonly string[]>([]);
export const threads = signal(1);

/** Pictures that the server of the page offers. */
export const given = signal<GivenPictures | null>(null);
/** Where they are. */
export const GIVEN = new URL('./given/', document.baseURI).href;

export const adding = signal<{ readonly done: number; readonly of: number } | null>(null);
export const rate = signal<Rate | null>(null);
export const loss = signal<readonly Point[]>([]);
export const right = signal<readonly Point[]>([]);
/** What was chosen for the training. */
export const choices = signal<readonly Choice[]>([]);
export const warnings = signal<readonly string[]>([]);
/** Where a training went on that was running when the page was closed. */
export const wentOn = signal<string | null>(null);

type Column = 'pictures' | 'train' | 'try';
/** What went wrong, and in which column it is said. */
export const fault = signal<{ readonly column: Column; readonly message: string } | null>(null);

export const training = computed<Training | null>(() => project.value?.training ?? null);
export const busy = computed(() => training.value?.state === 'running' || training.value?.state === 'paused');

const MOST_POINTS = 600;

/** Neighbours become one point, their mean, where there are more than a chart has room for. */
export function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const halved: Point[] = [];
  for (let i = 0; i + 1 < points.length; i += 2) {
    const [a, b] = [points[i]!, points[i + 1]!];
    halved.push({ step: b.step, value: (a.value + b.value) / 2 });
  }
  return thinned(halved);
}

function heard(what: Told): void {
  if (what.told === 'project') project.value = what.project;
  else if (what.told === 'adding') adding.value = { done: what.done, of: what.of };
  else if (what.told === 'waiting') phase.value = 'waiting';
  else if (what.told === 'chosen') choices.value = what.choices;
  else if (what.told === 'warning') warnings.value = [...warnings.value, what.message];
  else if (what.told === 'right') right.value = [...right.value, what.point];
  else if (what.told === 'began') began(what.resumedFrom, what.totalSteps, what.epochs);
  else {
    rate.value = what.rate;
    loss.value = thinned([...loss.value, ...what.loss]);
  }
}

/** Curves lose what came after the checkpoint: it is made again. */
function began(resumedFrom: number, totalSteps: number, epochs: number): void {
  loss.value = loss.value.filter(({ step }) => step <= resumedFrom);
  right.value = right.value.filter(({ step }) => step <= resumedFrom);
  const epoch = Math.floor((epochs * resumedFrom) / totalSteps);
  rate.value = { step: resumedFrom, totalSteps, epoch, epochs, imagesPerSec: 0, etaSeconds: Number.NaN };
}

const died = (reason: string): void => {
  fault.value = {
    column: 'train',
    message: `The part of this page that works in the background stopped: ${reason}. Load the page again.`,
  };
  if (phase.value === 'opening') phase.value = 'broken';
};

/** Keeps pictures and trains. */
export const keeper: Client = startWorker(heard, died);
/** Tries models, while the other one trains too. It is started when it is first asked. */
let second: Client | undefined;
export const trier = (): Client => {
  second ??= startWorker(() => undefined, died);
  return second;
};

/** Does something for a column, and says there why it did not go. */
export async function attempt(column: Column, work: () => Promise<unknown>): Promise<void> {
  if (fault.value?.column === column) fault.value = null;
  try {
    await work();
  } catch (error) {
    fault.value = { column, message: String((error as Error).message ?? error) };
  }
}

export async function openPage(): Promise<void> {
  try {
    const opened = await keeper.ask('open');
    project.value = opened.project;
    runs.value = opened.runs;
    threads.value = opened.threads;
    phase.value = 'ready';
    if (new URLSearchParams(location.search).has('given'))
      given.value = (await keeper.ask('givenPictures', GIVEN)) ?? null;
    const kept = opened.project.training;
    if (!kept) return;
    rate.value = kept.rate ?? null;
    const curves = await keeper.ask('curvesOf', kept.name);
    loss.value = thinned(curves.loss);
    right.value = curves.right;
    if (opened.interrupted === 'goesOn') await goOnAfterClosing();
    if (opened.interrupted === 'stuck') fault.value = { column: 'train', message: STUCK };
  } catch (error) {
    fault.value = { column: 'pictures', message: String((error as Error).message ?? error) };
    phase.value = 'broken';
  }
}

const STUCK =
  'The page ended several times at this place of the training. Perhaps the machine has too little memory: close other tabs and press Go on, or discard it and choose a smaller size.';

async function goOnAfterClosing(): Promise<void> {
  wentOn.value = 'The page was closed while it trained. It goes on from what was saved last.';
  await attempt('train', () => keeper.ask('goOn', true));
}

export async function train(): Promise<void> {
  clearCurves();
  await attempt('train', () => keeper.ask('begin'));
}

export function clearCurves(): void {
  [loss.value, right.value, choices.value, warnings.value, rate.value, wentOn.value] = [[], [], [], [], null, null];
}

/** Runs that may teach, which are others once a training ends. */
export const refreshRuns = async (): Promise<void> => {
  runs.value = await keeper.ask('usableRuns');
};
