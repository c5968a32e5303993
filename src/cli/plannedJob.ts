import { linkOf } from '../cluster/link.ts';
import { measureLink } from '../cluster/measureLinkNode.ts';
import { UserError } from '../graph/errors.ts';
import type { PlannedJob } from '../run/doctor/forecast.ts';
import { wholeNumber } from './arguments.ts';

/** What people mostly have. */
const USUAL = ['1Gb/s', '10Gb/s', '100Gb/s'];

/** The ranks and links that `doctor` forecasts a run for; undefined where none are asked for. */
export async function jobOf(ranks: string | undefined, link: string | undefined): Promise<PlannedJob | undefined> {
  if (ranks === undefined) {
    if (link !== undefined) throw new UserError('--link: wanted with --ranks only; add --ranks N, or leave it out');
    return undefined;
  }
  const count = wholeNumber('ranks', ranks, 1);
  if (link?.startsWith('ssh:')) return { ranks: count, links: [await measureLink(link.slice('ssh:'.length))] };
  return { ranks: count, links: (link === undefined ? USUAL : [link]).map(linkOf) };
}
