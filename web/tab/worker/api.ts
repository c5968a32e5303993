import type { Opened, Plan } from '../protocol.ts';
import { givenPictures, takeGiven } from './given.ts';
import { addClass, addPictures, filesOf, removeClass, removePicture, renameClass } from './pictures.ts';
import { curvesOf } from './progress.ts';
import { change, changeTraining, openProject, project, tell } from './project.ts';
import { threads } from './runtime.ts';
import { forgetAll, usableRuns, zipOf } from './saving.ts';
import { setTeacher } from './teacher.ts';
import { begin, discard, goOn, pause, putAway } from './training.ts';
import { askStudent, askTeacher, unload } from './trying.ts';

const LOCK = 'understudy page';

/** One tab has the pictures; another one waits until it is closed. */
async function open(): Promise<Opened> {
  await alone();
  // The browser may else throw the files away when the disk is full. Some ask nobody, some say no: then it is as it is.
  await navigator.storage?.persist?.().catch(() => false);
  const { training } = await openProject();
  const interrupted = training?.state !== 'running' ? 'no' : (training.tries ?? 0) < MOST_TRIES ? 'goesOn' : 'stuck';
  if (interrupted !== 'no') await changeTraining({ state: 'paused' });
  return { project: project(), interrupted, runs: await usableRuns(), threads: threads() };
}

/** A training that ends the tab, for want of memory perhaps, must not do so whenever the page is opened. */
const MOST_TRIES = 2;

const alone = (): Promise<void> =>
  new Promise((resolve) => {
    if (!navigator.locks) return resolve();
    const waits = setTimeout(() => tell({ told: 'waiting' }), 300);
    void navigator.locks.request(LOCK, () => {
      clearTimeout(waits);
      resolve();
      // Held until the tab ends.
      return new Promise(() => undefined);
    });
  });

const setPlan = (plan: Plan): Promise<void> => change({ plan });

/** What the page may ask of a worker. */
export const api = {
  open,
  addClass,
  renameClass,
  removeClass,
  addPictures,
  removePicture,
  filesOf,
  givenPictures,
  takeGiven,
  setTeacher,
  setPlan,
  begin,
  pause,
  goOn,
  discard,
  putAway,
  curvesOf,
  usableRuns,
  zipOf,
  forgetAll,
  askStudent,
  askTeacher,
  unload,
};

export type Api = typeof api;
