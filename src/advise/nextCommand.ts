import type { Settings } from '../config/settings.ts';
import { leafKeys } from '../study/settings.ts';
import { valueAt } from '../config/settings.ts';
import type { AdviseOptions } from './adviseNode.ts';
import type { Found } from './course.ts';
import { ALONE } from './arms.ts';
import { neededFor } from './statistics/power.ts';
import type { Judged } from './verdict.ts';

/** Our choice: a longer advice is worth its time up to so many times the present one. */
const LONGER = 10;

/** The command that follows from a verdict, complete. */
export function nextCommand(
  options: AdviseOptions & { readonly out: string },
  { chosen, finalists, fullBudget, scale }: Found,
  { kind, least, rivals }: Judged & { readonly kind: string },
): string {
  const { data, teacher, student, settings = {}, out } = options;
  const shared = sets(settings as Settings);
  const method = chosen.costed.arm;
  if (kind === 'worth') {
    const own = (method.settings.methods ?? {}) as Settings;
    const reads = method.settings.teacher === null ? [] : ['--teacher', teacher];
    return line([
      'distill',
      '--data',
      data,
      ...reads,
      '--student',
      student,
      '--method',
      method.name,
      ...sets({ methods: own }),
      ...shared,
    ]);
  }
  // The better of the two ways to train alone, for as long as the method would have taken.
  const ways = finalists.filter(({ costed }) => costed.arm.name.startsWith(ALONE));
  const score = (one: (typeof ways)[number]) => one.made.reduce((sum, made) => sum + made.score / one.made.length, 0);
  const alone = ways.reduce((a, b) => (score(b) > score(a) ? b : a));
  const { arm, cost } = alone.costed;
  const epochs = Math.max(1, Math.round(fullBudget / cost.epoch));
  const layers = ((arm.settings.student ?? {}) as Settings).settings ?? {};
  const train = line([
    'train',
    '--data',
    data,
    '--model',
    student,
    '--epochs',
    String(epochs),
    ...sets({ student: { settings: layers } }),
    ...withoutEpochs(shared),
  ]);
  if (kind === 'notWorth') return train;
  const more = longer(rivals, least, scale.finalSeeds);
  if (more === undefined) return train;
  const budget = `${Math.ceil((more * seconds(options.budget)) / 60)}m`;
  const methods = ['--methods', [...new Set(['kd', method.name])].join(',')];
  return line([
    'advise',
    '--data',
    data,
    '--teacher',
    teacher,
    '--student',
    student,
    '--budget',
    budget,
    ...methods,
    ...gain(options),
    ...shared,
    '--out',
    `${out}-longer`,
  ]);
}

/** How many times the time would be enough to see a gain worth having; undefined where more seeds alone do not do. */
function longer(rivals: Judged['rivals'], least: number, planned: number): number | undefined {
  const needs = rivals
    .filter(({ decides }) => decides)
    .map(({ gain: { components, seeds, images } }) => {
      if (!components) return null;
      const needed = neededFor(least, components, Math.min(...seeds), images).seeds;
      return needed === null ? null : needed / Math.min(...seeds);
    });
  const most = Math.max(...needs.map((need) => need ?? Number.POSITIVE_INFINITY));
  return most * planned <= LONGER * planned && most > 1 ? most : undefined;
}

const gain = ({ gain }: AdviseOptions): string[] => (gain === undefined ? [] : ['--gain', String(gain)]);

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const seconds = (text: string): number => Number(text.slice(0, -1)) * UNITS[text.at(-1)!]!;

/** Settings as they are typed; those of methods by their short names. */
function sets(settings: Settings): string[] {
  const left = {
    ...settings,
    data: without(settings.data, 'dir'),
    student: without(settings.student, 'name'),
    teacher: without(settings.teacher, 'ref'),
  };
  return leafKeys(JSON.parse(JSON.stringify(left)) as Settings)
    .map((key) => [key, valueAt(left, key)] as const)
    .filter(
      ([, value]) =>
        value !== undefined && !(typeof value === 'object' && value !== null && Object.keys(value).length === 0),
    )
    .flatMap(([key, value]) => [
      '--set',
      `${key.replace(/^methods\./, '')}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]);
}

const withoutEpochs = (words: readonly string[]): string[] =>
  words.filter(
    (word, i) => !word.startsWith('train.epochs=') && !(word === '--set' && words[i + 1]?.startsWith('train.epochs=')),
  );

function without(section: unknown, key: string): Settings {
  if (typeof section !== 'object' || section === null) return {};
  const { [key]: _, ...rest } = section as Settings;
  return rest;
}

const line = (words: readonly string[]): string => `understudy ${words.map(shellWord).join(' ')}`;

/** As the shell takes it in one piece. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
