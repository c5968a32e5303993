import type { PictureClass, Plan, Project, Told, Training } from '../protocol.ts';
import { read, write } from './storage.ts';

const FILE = 'project.json';

const PLAN: Plan = { kind: 'auto', size: 'small', length: 'auto', passes: 50, mirror: true };

export const EMPTY: Project = { version: 1, classes: [], teacher: null, plan: PLAN, training: null, begun: 0 };

/** What a worker tells the page unasked. */
export const tell = (told: Told): void => postMessage(told);

let current: Project = EMPTY;
let writing: Promise<void> = Promise.resolve();

export const project = (): Project => current;

export async function openProject(): Promise<Project> {
  const file = await read(FILE);
  if (file) current = JSON.parse(await file.text()) as Project;
  return current;
}

/** Changes what is kept: the page is told at once, and the answer comes when it is written. One write after the other. */
export function change(changes: Partial<Project>): Promise<void> {
  current = { ...current, ...changes };
  tell({ told: 'project', project: current });
  const wanted = current;
  writing = writing.then(() => write(FILE, JSON.stringify(wanted)));
  const written = writing;
  writing = writing.catch(() => undefined);
  return written;
}

export function changeTraining(changes: Partial<Training>): Promise<void> {
  if (!current.training) return Promise.resolve();
  return change({ training: { ...current.training, ...changes } });
}

export function changeClass(id: string, changed: (before: PictureClass) => PictureClass): Promise<void> {
  return change({ classes: current.classes.map((one) => (one.id === id ? changed(one) : one)) });
}

/** Pictures, classes and teacher are what a training that is not over was begun with. */
export function refuseWhileTraining(): void {
  const state = current.training?.state;
  if (state === 'running' || state === 'paused')
    throw new Error('Pictures and teacher stay as they are until this training is over. Finish it, or start over.');
}
