import type { Ranks } from '../cluster/ranks.ts';
import { reportError } from './outcome.ts';
import { remark } from './text.ts';

/** Our choice: so long rank 0 has for its word before another rank speaks of an error, which is mostly the same one. */
const AFTER_FIRST_MS = 3000;

/**
 * Runs a training on the ranks that a launcher has started, or as a process by itself; gives the exit status. A rank that fails ends all
 * of them, and says why if rank 0 does not.
 */
export async function onRanks(work: (ranks: Ranks | undefined) => Promise<number>): Promise<number> {
  const { rankPlace } = await import('../cluster/environment.ts');
  const place = rankPlace(process.env);
  if (!place) return work(undefined);
  let ranks: Ranks | undefined;
  try {
    const { openRanks } = await import('../cluster/openRanksNode.ts');
    ranks = (await openRanks({ env: process.env, tell: (message) => remark(`warning: ${message}`) }))?.ranks;
    const status = await work(ranks);
    await ranks?.close();
    return status;
  } catch (error) {
    const status = await toldError(error, place.rank, ranks);
    ranks?.abort(status);
    // Others may wait for this one in a library that knows nothing of what happened here.
    process.exit(status);
  }
}

async function toldError(error: unknown, rank: number, ranks: Ranks | undefined): Promise<number> {
  if (rank === 0) return reportError(error);
  await new Promise((resolve) => setTimeout(resolve, AFTER_FIRST_MS));
  remark(`rank ${rank}${ranks ? ` on ${ranks.hosts[rank]}` : ''}:`);
  return reportError(error);
}
