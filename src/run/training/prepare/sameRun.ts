import type { Ranks } from '../../../cluster/ranks.ts';
import { differences, type Settings } from '../../../config/settings.ts';
import { UserError } from '../../../graph/errors.ts';
import type { Host } from '../../../host/host.ts';
import type { RunParts } from '../stage/spec.ts';
import { decisive } from '../../plan/freeSettings.ts';

/** Our choice: so many differences are told. */
const SHOWN = 5;

/**
 * Refuses ranks that were not started alike, before they wait for each other: another setting on one of them would be a hang, or a
 * run that nobody meant.
 * @throws UserError on all ranks, with what differs and where
 */
export async function sameOnAll(ranks: Ranks, what: string, mine: object, remedy: string): Promise<void> {
  if (ranks.alone) return;
  const own = JSON.parse(JSON.stringify(mine)) as Settings;
  const all = await ranks.gatherValues(`comparing ${what}`, own);
  const found = all.flatMap((theirs, rank) =>
    differences(all[0]!, theirs).map(
      ({ key, before, now }) =>
        `${key}: ${JSON.stringify(before)} on rank 0 (${ranks.hosts[0]}), ${JSON.stringify(now)} on rank ${rank} (${ranks.hosts[rank]})`,
    ),
  );
  if (found.length === 0) return;
  const more = found.length > SHOWN ? `\n  and ${found.length - SHOWN} more` : '';
  throw new UserError(
    `ranks: wanted the same ${what} on all, got\n  ${found.slice(0, SHOWN).join('\n  ')}${more}\n  ${remedy}`,
  );
}

/** The images, the teacher and what the engine computes on, once they are opened. */
export async function checkSameRun(
  { ranks, sha256, computed }: Pick<Host, 'ranks' | 'sha256' | 'computed'>,
  parts: RunParts,
): Promise<void> {
  if (ranks.alone) return;
  const { config, settings, data, teacher } = parts;
  const weights = teacher && (await sha256([...teacher.weights.values()].map(({ data: values }) => bytesOf(values))));
  await sameOnAll(
    ranks,
    'images, teacher and machines',
    {
      ...decisive({ chosen: { ...settings, choices: undefined } }),
      images: { training: data.digests.train, validation: data.digests.val, of: config.data.dir },
      ...(teacher ? { teacher: { weights } } : {}),
      'computed on': computed,
    },
    'Give every rank the same files, machines of one kind, and as many threads (train.threads)',
  );
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
