import { MachineError, UserError } from '../../graph/errors.ts';
import { printable } from '../../graph/printable.ts';
import type { LoaderOptions } from './loader.ts';
import { tooManyBad } from './tooManyBad.ts';

/** What cannot be read of a loader's images. */
export class BadImages {
  /** Path -> reason. */
  readonly reasons = new Map<string, string>();
  readonly #options: LoaderOptions;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  has(index: number): boolean {
    return this.reasons.has(this.#options.list.paths[index]!);
  }

  /** Notes an image that cannot be read, and tells of it once. @throws UserError where there are too many. */
  note(index: number, message: string): void {
    const { list, onBad } = this.#options;
    const path = list.paths[index]!;
    if (this.reasons.has(path)) return;
    const name = printable(path);
    const reason = message.includes(name) ? message : `${name}: ${message}`;
    this.reasons.set(path, reason);
    onBad?.(reason);
    this.check();
  }

  /** @throws UserError where there are too many, whoever found them. */
  check(): void {
    const { list, maxBadFraction = 0.01 } = this.#options;
    const [n, bad] = [list.paths.length, this.reasons.size];
    if (bad > maxBadFraction * n || bad === n) throw tooManyBad(this.reasons, n, maxBadFraction);
  }
}

/** The message of what is wrong with an image; whatever else went wrong is thrown on. */
export function faultOfImage(error: unknown): string {
  if (!(error instanceof UserError) || error instanceof MachineError) throw error;
  return error.message;
}
