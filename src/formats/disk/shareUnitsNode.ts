import { setTimeout as sleep } from 'node:timers/promises';
import { type Claim, pauses } from './claimsNode.ts';
import { InUse } from './lockNode.ts';

/** Units of work that any number of processes share by claims. */
export interface SharedUnits<Unit> {
  /** In the order in which this process would like to make them. */
  readonly units: readonly Unit[];
  /** Whether nothing is left to do for it: it is finished, or nobody is going to finish it. Asked again once it is claimed. */
  readonly settled: (unit: Unit) => Promise<boolean>;
  /** Whether it can be made yet, by the units that are not settled. Default: always. */
  readonly ready?: (unit: Unit, open: ReadonlySet<Unit>) => boolean;
  /** @returns undefined where another process has it. */
  readonly claim: (unit: Unit) => Promise<Claim | undefined>;
  /** @returns false where this process is to stop. @throws whatever ends all the work. */
  readonly make: (unit: Unit, claim: Claim, open: ReadonlySet<Unit>) => Promise<boolean>;
  /** Told that a unit was taken over while this process stood still: what it made of it is dropped. */
  readonly onLost?: (unit: Unit, error: InUse) => void;
  /** Told what is not settled yet, before anything is made. */
  readonly onStart?: (open: ReadonlySet<Unit>) => void;
  /** Told once, when the units that are left are others'. */
  readonly onWait?: (open: ReadonlySet<Unit>) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes every unit that nobody else makes, and waits for those of the others, whose units it takes over should they die.
 * @returns whether all are settled; false where this process was to stop.
 */
export async function shareUnits<Unit>(shared: SharedUnits<Unit>): Promise<boolean> {
  const { units, settled, signal, onWait } = shared;
  const open = new Set<Unit>();
  for (const unit of units) if (!(await settled(unit))) open.add(unit);
  shared.onStart?.(open);
  let [waits, told] = [pauses(), false];
  while (open.size > 0) {
    const made = await makeOnce(shared, open);
    if (made === 'stop') return false;
    if (made) waits = pauses();
    for (const unit of [...open]) if (await settled(unit)) open.delete(unit);
    if (open.size === 0 || made) continue;
    if (signal?.aborted) return false;
    if (!told) onWait?.(open);
    told = true;
    await sleep(waits.next().value!);
  }
  return true;
}

/** Goes through the open units once; says whether one was made. */
async function makeOnce<Unit>(shared: SharedUnits<Unit>, open: Set<Unit>): Promise<boolean | 'stop'> {
  const { settled, ready, claim: take, make, onLost, signal } = shared;
  let made = false;
  for (const unit of [...open]) {
    if (signal?.aborted) return 'stop';
    if (ready && !ready(unit, open)) continue;
    const claim = await take(unit);
    if (!claim) continue;
    try {
      // Another process may have finished it between the looking and the claiming.
      if (!(await settled(unit)) && !(await make(unit, claim, open))) return 'stop';
      open.delete(unit);
      made = true;
    } catch (error) {
      const lost = await lostOr(claim, error);
      onLost?.(unit, lost);
    } finally {
      await claim.release();
    }
  }
  return made;
}

/** That the unit is another's by now; else the error itself is thrown. */
async function lostOr(claim: Claim, error: unknown): Promise<InUse> {
  try {
    await claim.check();
  } catch (lost) {
    if (lost instanceof InUse) return lost;
  }
  throw error;
}
