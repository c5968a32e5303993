import { zipSync } from 'fflate';
import { deleteRun, exportModel, storedRuns } from 'understudy/browser';
import { change, EMPTY, project } from './project.ts';
import { remove } from './storage.ts';
import { discard } from './training.ts';

/** The exported folder of a training's model as a zip. Weights do not get smaller, so that nothing is squeezed. */
export async function zipOf(run: string): Promise<Blob> {
  const files = await exportModel(run);
  const zipped = zipSync(Object.fromEntries(files), { level: 0 });
  return new Blob([zipped as Uint8Array<ArrayBuffer>], { type: 'application/zip' });
}

/** Deletes everything that this page keeps in this browser. */
export async function forgetAll(): Promise<void> {
  await discard();
  await change({ ...EMPTY, begun: 0 });
  for (const run of await storedRuns()) await deleteRun(run);
  await remove('pictures');
  await remove('teacher');
}

/** Trainings of this browser that have a model, without the one under way. */
export async function usableRuns(): Promise<string[]> {
  const { training } = project();
  const runs = await storedRuns();
  return runs.filter((name) => name !== training?.name || training.state === 'done');
}
