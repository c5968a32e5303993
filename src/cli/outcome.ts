import { systemError } from '../formats/disk/fileErrorNode.ts';
import { MachineError, UserError } from '../graph/errors.ts';
import { remark } from './text.ts';

/** Exit statuses. */
export const STATUS = { done: 0, failed: 1, wrongUse: 2, interrupted: 130, warned: 138, terminated: 143 } as const;

/** A user's error that came up after the work had begun: the command was right and failed all the same. */
export class FailedWhileRunning extends Error {
  override name = 'FailedWhileRunning';
}

/** Shows an error on stderr: the user's in words alone, ours with its stack. Gives the exit status. */
export function reportError(error: unknown): number {
  if (error instanceof FailedWhileRunning) return show(error.cause, STATUS.failed);
  return show(error, STATUS.wrongUse);
}

function show(error: unknown, userStatus: number): number {
  if (error instanceof UserError) {
    remark(`error: ${error.message}`);
    return error instanceof MachineError ? STATUS.failed : userStatus;
  }
  // What the machine refuses in the middle of anything is a failure, and no fault of ours.
  const refused = systemError(error);
  if (refused) return show(refused, STATUS.failed);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  remark(
    `${stack}\n\nThis is a fault of Understudy, not yours. Please report it with the text above and the command that you typed.`,
  );
  return STATUS.failed;
}

/** Runs a command's work; `started` says whether it has begun, so that its errors are failures and not wrong use. */
export async function whileRunning<T>(work: (start: () => void) => Promise<T>): Promise<T> {
  let started = false;
  try {
    return await work(() => {
      started = true;
    });
  } catch (error) {
    throw started ? new FailedWhileRunning('failed while running', { cause: error }) : error;
  }
}
