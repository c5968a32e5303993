import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { UserError } from '../graph/errors.ts';
import { brokenPromises } from './contract.ts';
import { type RankPlace, rankPlace } from './environment.ts';
import { ENDED_HERE } from './launcherNoise.ts';
import { openMpi } from './mpiNode.ts';
import { Ranks } from './ranks.ts';
import { watchRanks } from './watchNode.ts';

export interface OpenRanksOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of late ranks. */
  readonly tell: (message: string) => void;
}

export interface OpenedRanks {
  readonly ranks: Ranks;
  readonly place: RankPlace;
}

/** The file of the MPI library; seconds after which a late rank is named, and after which the job ends. */
const [LIBRARY, LATE, LIMIT] = ['UNDERSTUDY_MPI', 'UNDERSTUDY_RANK_LATE', 'UNDERSTUDY_RANK_LIMIT'];
/** Our choice: a decoded batch, a teacher in 8 bits and a checkpoint take less; ten minutes are a night's lost hour at most. */
const [LATE_SECONDS, LIMIT_SECONDS] = [60, 600];

/**
 * Joins the job that this process was started for, where a launcher's variables say so; undefined for a process by itself, which
 * loads nothing.
 * @throws UserError where it cannot be joined
 */
export async function openRanks({ env, tell }: OpenRanksOptions): Promise<OpenedRanks | undefined> {
  const place = rankPlace(env);
  if (!place) return undefined;
  const [lateSeconds, limitSeconds] = [secondsIn(env, LATE, LATE_SECONDS), secondsIn(env, LIMIT, LIMIT_SECONDS)];
  const transport = await openMpi({ place, env, library: env[LIBRARY] });
  const broken = await brokenPromises(transport);
  if (broken.length > 0)
    throw new UserError(
      `${transport.name}: does not work between these ranks: ${broken.join('; ')}. Use another MPI (${LIBRARY})`,
    );
  const known = await new Ranks(transport).gatherValues('who is there', { host: hostname(), cores: coresOf() });
  const hosts = known.map(({ host }) => host);
  const end = (message: string): void => {
    tell(`${message}. ${ENDED_HERE}; from its last checkpoint it goes on with --resume`);
    transport.abort(1);
  };
  const watch = watchRanks({ transport, hosts, lateSeconds, limitSeconds, tell, end });
  const own = known[place.rank]!;
  const sharing = known.filter(({ host, cores }) => host === own.host && cores === own.cores).length;
  return { ranks: new Ranks(transport, { hosts, watch, sharing }), place };
}

/** The cores that the system lets this process have, in words; '' where it does not say. */
function coresOf(): string {
  try {
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

function secondsIn(env: OpenRanksOptions['env'], key: string, otherwise: number): number {
  const text = env[key];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (!(value > 0)) throw new UserError(`${key}: wanted a number of seconds above 0, got "${text}"`);
  return value;
}
