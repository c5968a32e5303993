import { printable } from './printable.ts';

/** Something the user can mend: bad input, a wrong name, an unreadable file. Shown without a stack trace. */
export class UserError extends Error {
  override name = 'UserError';

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/**
 * What the machine refuses whatever is asked of it: it is full, has no more open files or memory, its disk fails. The command was
 * right, and the file at hand is not to blame: it is no reason to skip that file.
 */
export class MachineError extends UserError {
  override name = 'MachineError';
}

/** Does `work`; what it says to the user begins with `where`, unless it names that already. */
export function naming<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UserError) || error.message.includes(where)) throw error;
    const Same = error instanceof MachineError ? MachineError : UserError;
    throw new Same(`${where}: ${error.message}`, { cause: error });
  }
}

/** A text of the user's, cut where it is longer than a message should be. */
export function brief(text: string, most = 100): string {
  return text.length <= most ? text : `${text.slice(0, most)}... (${text.length} characters)`;
}

/** A graph that does not fit together. The message begins with the scope in which it was built. */
export class BuildError extends Error {
  override name = 'BuildError';
}

/** A fault of ours. */
export function internal(message: string): Error {
  return new Error(`internal: ${message}`);
}
