import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from './makeFolderNode.ts';
import { dirname } from 'node:path';
import {
  type Found,
  type HeldLock,
  InUse,
  inUse,
  type LockOf,
  type LockTimes,
  look,
  TIMES,
  takeWhereStale,
} from './lockNode.ts';

/** A unit of work that this process has to itself. */
export interface Claim extends HeldLock {
  /**
   * Whose claim it took over: of one that is `silent` nobody knows whether it is gone, so it may come back and go on; `gone` is a
   * process of this machine that has ended.
   */
  readonly after: 'nobody' | 'gone' | 'silent';
}

/** How long to wait before looking again at what others have, in milliseconds: at first, and at most. Our choice. */
const LOOK_AGAIN = { first: 100, most: 4000 } as const;

/**
 * Claims on units of work that processes share, on one machine or on many: locks (lockNode.ts) of which only the renewals count.
 * An owner is silent when its renewals stand still for as long as `times.silent` **while this process watches**, by its own clock:
 * the clocks of two machines are never compared, and a process that was stopped loses its units like one that died elsewhere.
 * Only an owner of this machine that has ended is known to be gone at once.
 */
export class Claims {
  readonly #times: LockTimes;
  readonly #seen = new Map<string, { readonly as: string; readonly since: number }>();

  constructor(times: LockTimes = TIMES) {
    this.#times = times;
  }

  /**
   * Claims a unit; the folders above the claim's file are made.
   * @returns undefined where another process has it.
   */
  async take(path: string, of: LockOf): Promise<Claim | undefined> {
    let after: Claim['after'] = 'nobody';
    const findStale = async () => {
      const found = await look(path, this.#times);
      if (found === undefined) return undefined;
      const end = this.#endOf(path, found);
      if (end === undefined) throw inUse(path, of, found.owner);
      after = end;
      return found.text;
    };
    makeFolder(dirname(path));
    try {
      const held = await takeWhereStale(path, of, this.#times, findStale, 'lost');
      this.#seen.delete(path);
      return { ...held, after };
    } catch (error) {
      if (error instanceof InUse) return undefined;
      throw error;
    }
  }

  /**
   * Claims a unit when the others are done with it.
   * @returns undefined where `signal` ended the waiting.
   */
  async wait(path: string, of: LockOf, signal?: AbortSignal): Promise<Claim | undefined> {
    for (const pause of pauses()) {
      const claim = await this.take(path, of);
      if (claim || signal?.aborted) return claim;
      await sleep(pause);
    }
    return undefined;
  }

  /** Undefined of an owner that may live. */
  #endOf(path: string, { owner, state, seen }: Found): 'gone' | 'silent' | undefined {
    if (state === 'gone') return 'gone';
    // Claims of older releases are not renewed: nobody can watch them.
    if (owner?.renewed === false) return undefined;
    const before = this.#seen.get(path);
    const now = performance.now();
    if (before?.as !== seen) this.#seen.set(path, { as: seen, since: now });
    // A file without an owner is not renewed either: it was cut short.
    else if (now - before.since > (owner ? this.#times.silent : this.#times.unfinished)) return 'silent';
    return undefined;
  }
}

/** Of a process that waits for others: it looks less and less often. */
export function* pauses(): Generator<number, void, void> {
  for (let pause: number = LOOK_AGAIN.first; ; pause = Math.min(LOOK_AGAIN.most, 1.5 * pause)) yield pause;
}
