import type { Advice, GainOver, Verdict, VerdictKind } from './advice.ts';
import type { Foreseen } from './statistics/extrapolate.ts';
import type { Gain } from './statistics/gain.ts';
import { neededFor } from './statistics/power.ts';

/** What the chosen method is compared with. */
export interface Rival {
  readonly name: string;
  readonly gain: Gain;
  /** Whether it must be beaten: training alone, on either student. */
  readonly decides: boolean;
}

export interface Judged {
  readonly method: string;
  readonly rivals: readonly Rival[];
  /** The gain, as a share, below which distilling is not worth it. */
  readonly least: number;
  readonly full: Foreseen | { readonly known: 'reached' };
  /** Processor seconds of a final run's training, and of one of full length. */
  readonly budget: number;
  readonly fullBudget: number;
  /** Methods that were dropped on the way though nothing told them from this one. */
  readonly untold: readonly string[];
  /** What judged the search. */
  readonly chosenBy: Advice['chosenBy'];
}

/**
 * What the intervals say. worth: the method beats every way to train alone, and may have `least` over each. notWorth: it has less than
 * `least` over one of them. unclear: neither can be said.
 * Each interval is wrong on one side at most once in 40. `worth` needs all of them to clear zero, so it is wrong at most as often
 * where the method beats not all; `notWorth` needs one of at most two, so it is wrong at most once in 20.
 */
export function kindOf(rivals: readonly Pick<Rival, 'gain' | 'decides'>[], least: number): VerdictKind {
  const intervals = rivals.filter(({ decides }) => decides).map(({ gain }) => gain.interval);
  if (intervals.some((interval) => interval !== null && interval[1] < least)) return 'notWorth';
  return intervals.every((interval) => interval !== null && interval[0] > 0) ? 'worth' : 'unclear';
}

export function verdictOf(judged: Judged): Verdict {
  const { rivals, least, method } = judged;
  const kind = kindOf(rivals, least);
  const compared = `${listed(rivals.map((rival) => `${toldGain(rival.gain)} over ${rival.name}`))}, at equal processor time (${seconds(judged.budget)} a run, teacher included)`;
  const foretold = toldFull(judged);
  // A gain may be of speed alone, and go or come with the length.
  const when = judged.full.known === 'reached' ? '' : ` in runs of this length (${seconds(judged.budget)})`;
  if (kind === 'worth')
    return { kind, needed: null, text: `Distilling with ${method} is worth it${when}: ${compared}. ${foretold}` };
  const { untold, chosenBy } = judged;
  if (kind === 'notWorth' && untold.length > 0) {
    const [others, them] = [listed(untold), untold.length === 1 ? 'it' : 'them'];
    return {
      kind: 'unclear',
      needed: null,
      text: `These images cannot tell whether distilling is worth it. ${method} is not${when}: it has ${compared}, less than the ${points(least)} that would be worth it. What ${others} ${untold.length === 1 ? 'has' : 'have'} is not known: the search, judged by ${thousands(chosenBy.images)} of the ${chosenBy.of} images, dropped ${them} without being able to tell ${them} from ${method}. ${foretold}`,
    };
  }
  if (kind === 'notWorth')
    return {
      kind,
      needed: null,
      text: `Distilling is not worth it${when}. ${method}, the best method of the search, has ${compared}: less than the ${points(least)} that would be worth it. ${foretold}`,
    };
  return unclear(judged, compared, foretold);
}

function unclear({ rivals, least, method, chosenBy }: Judged, compared: string, foretold: string): Verdict {
  const open = rivals.filter(({ decides, gain }) => decides && !(gain.interval && gain.interval[0] > 0));
  // The one that takes most decides.
  const asked = open.reduce((a, b) => ((a.gain.error?.se ?? 1e9) >= (b.gain.error?.se ?? 1e9) ? a : b));
  const { components, seeds, images } = asked.gain;
  const runs = Math.min(seeds[0], seeds[1]);
  const needed = components && neededFor(least, components, runs, images);
  return {
    kind: 'unclear',
    needed,
    text: `These images cannot tell whether distilling is worth it. ${method}, the best method of the search, has ${compared}. ${toldNeeded(needed, least, runs, images, chosenBy.of === 'validation' ? 2 : 1)} ${foretold}`,
  };
}

/** Where half of the validation images judge, twice as many are needed as must judge. */
function toldNeeded(needed: Verdict['needed'], least: number, seeds: number, images: number, halves: number): string {
  if (!needed) return 'Two seeds or more of each would be needed.';
  const ways = [
    ...(needed.images === null
      ? []
      : [`${thousands(halves * needed.images)} validation images in place of ${thousands(halves * images)}`]),
    ...(needed.seeds === null ? [] : [`${needed.seeds} seeds in place of ${seeds}`]),
  ];
  const goal = `To see a gain of ${points(least)} in 4 of 5 such tests`;
  if (ways.length === 0)
    return `${goal}, neither more validation images alone nor more seeds alone would do; it takes both.`;
  return `${goal} it would take ${ways.join(', or ')}.`;
}

function toldFull({ full, budget, fullBudget }: Judged): string {
  if (full.known === 'reached') return 'These runs were of full length.';
  const length = `At full length (${seconds(fullBudget)}, ${(fullBudget / budget).toFixed(1)} times as long)`;
  if (!full.known)
    return `${length} the gain is not known: ${full.why}. About ${Math.ceil(fullBudget / budget)} times this --budget would reach it.`;
  return `${length} a gain of ${signed(full.gain)} (${signed(full.interval[0])} to ${signed(full.interval[1])}) points over alone is to be expected, if the error goes on falling as a power of the processor time.`;
}

export const gainsOf = (rivals: readonly Rival[]): GainOver[] =>
  rivals.map(({ name, gain: { gain, interval } }) => ({ over: name, gain, interval }));

const toldGain = ({ gain, interval }: Gain): string =>
  `${signed(gain)} points (${interval ? `${signed(interval[0])} to ${signed(interval[1])}` : 'one seed: no interval'})`;

/** 0.0123 -> +1.2 */
export const signed = (share: number): string => `${share < 0 ? '-' : '+'}${Math.abs(share * 100).toFixed(1)}`;

const points = (share: number): string => {
  const value = Number((share * 100).toPrecision(3));
  return `${value} point${value === 1 ? '' : 's'}`;
};

export const seconds = (value: number): string =>
  value < 120
    ? `${Number(value.toPrecision(3))} s`
    : value < 7200
      ? `${(value / 60).toFixed(1)} min`
      : `${(value / 3600).toFixed(1)} h`;

const thousands = (count: number): string => String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');

const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}`;
