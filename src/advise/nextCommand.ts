import { largest } from '../graph/lists.ts';
import { isSection, type Settings, valueAt } from '../config/settings.ts';
import { secondsOf } from '../run/training/prepare/budget.ts';
import { leafKeys } from '../study/settings.ts';
import type { AdviseOptions } from './requestNode.ts';
import { ALONE, type Arm } from './arms.ts';
import type { Found } from './course.ts';
import type { Finalist } from './finals.ts';
import { neededFor } from './statistics/power.ts';
import { type Judged, kindOf } from './verdict.ts';

/** Our choice: a longer advice is worth its time up to so many times the present one. */
const LONGER = 10;

type Options = AdviseOptions & { readonly out: string };

/** The command that follows from a verdict, complete. */
export function nextCommand(
  options: Options,
  { chosen, finalists, fullBudget }: Pick<Found, 'chosen' | 'finalists' | 'fullBudget'>,
  { kind, least, rivals, untold }: Judged & { readonly kind: string },
): string {
  if (kind === 'worth') return distillLine(options, chosen.costed.arm);
  // What was not tried at length is tried by itself, in as much time.
  if (kind === 'unclear' && kindOf(rivals, least) === 'notWorth') return adviseLine(options, untold, 1);
  const more = kind === 'notWorth' ? undefined : longer(rivals, least);
  if (more === undefined) return trainLine(options, finalists, fullBudget);
  return adviseLine(options, ['kd', chosen.costed.arm.name], more);
}

function distillLine({ data, teacher, student, settings = {} }: Options, { name, settings: own }: Arm): string {
  const reads = own.teacher === null ? [] : ['--teacher', teacher];
  const shared = sets(settings as Settings);
  const methods = sets({ methods: own.methods ?? {} });
  return line('distill', ['--data', data, ...reads, '--student', student, '--method', name], [...methods, ...shared]);
}

/** The better of the ways to train alone, for as long as the method would have taken. */
function trainLine({ data, student, settings = {} }: Options, finalists: readonly Finalist[], full: number): string {
  const ways = finalists.filter(({ costed }) => costed.arm.name.startsWith(ALONE));
  const score = ({ made }: Finalist) => made.reduce((sum, run) => sum + run.score / made.length, 0);
  const { arm, cost } = ways.reduce((a, b) => (score(b) > score(a) ? b : a)).costed;
  const epochs = String(Math.max(1, Math.round(full / cost.epoch)));
  const layers = sets({ student: { settings: valueAt(arm.settings, 'student.settings') ?? {} } });
  const shared = sets(settings as Settings).filter((set) => !set.startsWith('train.epochs='));
  return line('train', ['--data', data, '--model', student, '--epochs', epochs], [...layers, ...shared]);
}

function adviseLine(
  { data, teacher, student, settings = {}, ...rest }: Options,
  names: readonly string[],
  more: number,
): string {
  const budget = `${Math.ceil((more * secondsOf(rest.budget)) / 60)}m`;
  const methods = [...new Set(names)].join(',');
  const gain = rest.gain === undefined ? [] : ['--gain', String(rest.gain)];
  const given = ['--data', data, '--teacher', teacher, '--student', student, '--budget', budget, '--methods', methods];
  return line('advise', [...given, ...gain, '--out', `${rest.out}-longer`], sets(settings as Settings));
}

/** How many times the time would be enough to see a gain worth having; undefined where more seeds alone do not do. */
function longer(rivals: Judged['rivals'], least: number): number | undefined {
  const times = rivals
    .filter(({ decides }) => decides)
    .map(({ gain: { components, seeds, images } }) => {
      const runs = Math.min(seeds[0], seeds[1]);
      return ((components && neededFor(least, components, runs, images).seeds) ?? Number.POSITIVE_INFINITY) / runs;
    });
  const most = largest(times);
  return most <= LONGER && most > 1 ? most : undefined;
}

/** Settings as `--set` takes them; what has a flag of its own is left out. */
function sets(settings: Settings): string[] {
  const flags = ['data.dir', 'student.name', 'teacher', 'teacher.ref'];
  return leafKeys(settings).flatMap((key) => {
    const value = valueAt(settings, key);
    if (flags.includes(key) || value === undefined || (isSection(value) && Object.keys(value).length === 0)) return [];
    return [`${key.replace(/^methods\./, '')}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
  });
}

const line = (command: string, words: readonly string[], given: readonly string[]): string =>
  ['understudy', command, ...words, ...given.flatMap((set) => ['--set', set])].map(shellWord).join(' ');

/** As the shell takes it in one piece. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
