/** JavaScript's own errors, which say where a reader stumbled and nothing of the file. */
const ACCIDENTS = [TypeError, RangeError, ReferenceError, SyntaxError];

/** What a reader of damaged bytes said, for people. */
export function damageReason(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'more than the memory holds';
  const accident = ACCIDENTS.some((kind) => error instanceof kind) || /\b(undefined|NaN|Unknown error)\b/.test(message);
  return accident ? 'its bytes do not fit together' : message.split('\n')[0]!.replace(/:$/, '');
}
