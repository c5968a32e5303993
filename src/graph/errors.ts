/** Something the user can mend: bad input, a wrong name, an unreadable file. Shown without a stack trace. */
export class UserError extends Error {
  override name = 'UserError';
}

/** A graph that does not fit together. The message begins with the scope in which it was built. */
export class BuildError extends Error {
  override name = 'BuildError';
}

/** A fault of ours. */
export function internal(message: string): Error {
  return new Error(`internal: ${message}`);
}
