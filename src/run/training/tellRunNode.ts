import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfInUse } from '../../formats/disk/folderLockNode.ts';
import { UserError } from '../../graph/errors.ts';
import { putWish, WISH_FILE } from '../../host/node/wishNode.ts';
import type { Wish } from '../../host/wish.ts';
import { LAST } from '../../train/runFolder.ts';

/** What came of a wish. */
export interface Told {
  /** Steps that the last checkpoint has; null where none was saved before the run ended. */
  readonly step: number | null;
  /** Whether the run goes on. */
  readonly running: boolean;
}

/** Milliseconds between two looks at the run's folder. */
const LOOK_EVERY = 100;

/**
 * Asks a run that goes on for a checkpoint, or to end, whoever started it: it looks at its folder after each step.
 * @throws UserError where nobody works at it, or where it belongs to a study or an advice, which would compare it with whole runs.
 */
export async function askRun(dir: string, wish: Wish): Promise<void> {
  if (!existsSync(join(dir, 'config.yaml')))
    throw new UserError(
      `${dir}: wanted the folder of a run, got ${existsSync(dir) ? 'a path without config.yaml' : 'no such folder'}`,
    );
  if (!(await isRunning(dir)))
    throw new UserError(`${dir}: nobody works at this run; what it has is saved. Go on with --resume --out ${dir}`);
  const whole = dirname(dirname(resolve(dir)));
  if (wish !== 'save' && ['plan.json', 'state.json'].some((name) => existsSync(join(whole, name))))
    throw new UserError(
      `${dir}: a run of ${whole}, which would compare it with whole ones. Stop that with Ctrl-C: the same command goes on`,
    );
  await putWish(dir, wish);
}

/** Asks, and waits until it has been done. */
export async function tellRun(dir: string, wish: Wish): Promise<Told> {
  const before = await checkpointStamp(dir);
  await askRun(dir, wish);
  const waits = async () => existsSync(join(dir, WISH_FILE)) || (await checkpointStamp(dir)) === before;
  let running = true;
  while (running && (wish !== 'save' || (await waits()))) {
    await sleep(LOOK_EVERY);
    running = await isRunning(dir);
  }
  return { step: await savedStep(dir), running };
}

/** Steps of the checkpoint that a resume would go on from; null where there is none. */
export async function savedStep(dir: string): Promise<number | null> {
  try {
    const { step } = JSON.parse(await readFile(join(dir, LAST, 'state.json'), 'utf8')) as { step?: unknown };
    return typeof step === 'number' ? step : null;
  } catch {
    return null;
  }
}

const isRunning = (dir: string): Promise<boolean> =>
  throwIfInUse(dir).then(
    () => false,
    () => true,
  );

/** Each checkpoint is a new file. */
async function checkpointStamp(dir: string): Promise<string> {
  const found = await stat(join(dir, LAST, 'state.json')).catch(() => undefined);
  return found ? `${found.ino} ${found.mtimeMs}` : '';
}
