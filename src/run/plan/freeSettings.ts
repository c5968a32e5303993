import { differences, isSection, type Settings } from '../../config/settings.ts';
import type { Difference } from '../../config/settings.ts';

/** Settings that may be new at a resume. They change no number of a run, but for the rounding of `train.threads`, which is told. */
const FREE = [
  'train.threads',
  'train.checkpointSeconds',
  'data.workers',
  'data.cache',
  'data.cacheMB',
  'data.cacheGB',
  'data.cacheDir',
  'data.cacheListing',
  'teacher.store.dir',
  'teacher.store.maxGB',
];

/** The settings that decide about a run's numbers, as JSON holds them. */
export function decisive(config: object): Settings {
  const without = (section: Settings, at: string): Settings =>
    Object.fromEntries(
      Object.entries(section)
        .map(([key, value]) => [`${at}${key}`, key, value] as const)
        .filter(([path]) => !FREE.includes(path))
        .map(([path, key, value]) => [key, isSection(value) ? without(value, `${path}.`) : value]),
    );
  return without(JSON.parse(JSON.stringify(config)) as Settings, '');
}

/** What decides and is different. */
export const decisiveChanges = (before: object, now: object): Difference[] =>
  differences(decisive(before), decisive(now));

/** The changes as the lines of a message. */
export const toldChanges = (changes: readonly Difference[]): string =>
  changes
    .map(({ key, before, now }) => `${key}: the run has ${JSON.stringify(before)}, got ${JSON.stringify(now)}`)
    .join('\n  ');
