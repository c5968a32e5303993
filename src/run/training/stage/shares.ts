import { microsOf } from '../../../cluster/orderedSum.ts';
import type { Ranks } from '../../../cluster/ranks.ts';
import { UserError } from '../../../graph/errors.ts';
import { largest, smallest } from '../../../graph/lists.ts';
import type { Digests } from '../../../train/checkpoint.ts';
import type { RunParts } from './spec.ts';

/** What is told at the start of who computes what. */
export function toldRanks({ settings: { train } }: RunParts, ranks: Ranks): string[] {
  if (ranks.alone) return [];
  const { accumulate, batch, lanes } = train;
  const counts = ranks.hosts.map((_, rank) => microsOf({ rank, size: ranks.size }, lanes, accumulate).length);
  const hosts = [...new Set(ranks.hosts)];
  const [least, most] = [smallest(counts), largest(counts)];
  const uneven =
    least < most
      ? `; ${counts.filter((count) => count < most).length} ranks have less to do than the others: a train.accumulate that ${ranks.size * lanes} divides keeps all of them busy`
      : '';
  return [
    `${ranks.size} ranks on ${hosts.length === 1 ? hosts[0] : `${hosts.length} machines (${hosts.join(', ')})`}, by ${ranks.name}: an update has ${accumulate} micro-batches of ${batch} images, ${least === most ? most : `${least} to ${most}`} on each rank; learning rate and epochs are for ${accumulate * batch} images an update, whatever the number of ranks${uneven}`,
  ];
}

/**
 * Each rank takes the same update, so all have the same state; another processor or library on one of them would let it drift away
 * in silence.
 * @throws UserError on all ranks
 */
export async function checkSameState(ranks: Ranks, digests: Digests, step: number): Promise<void> {
  if (ranks.alone) return;
  const all = await ranks.gatherValues('the state of the others', digests);
  const others = ranks.hosts.flatMap((host, rank) =>
    all[rank]!['model.safetensors'] === all[0]!['model.safetensors'] &&
    all[rank]!['optimizer.safetensors'] === all[0]!['optimizer.safetensors']
      ? []
      : [`rank ${rank} on ${host}`],
  );
  if (others.length > 0)
    throw new UserError(
      `step ${step}: wanted the same weights on all ranks, got others on ${others.join(', ')} than on rank 0. These machines round otherwise: use machines of one kind, or give each rank train.threads=1`,
    );
}
