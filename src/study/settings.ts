import { UserError } from '../graph/errors.ts';

export type Settings = Readonly<Record<string, unknown>>;

const isSection = (value: unknown): value is Settings =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** `{'train.seed': 1, optim: {lr: 2}}` -> `{train: {seed: 1}, optim: {lr: 2}}`: only the outermost keys may be dotted. */
export function nested(settings: Settings, where: string): Settings {
  return Object.entries(settings).reduce<Settings>((all, [key, value]) => {
    const path = key.split('.');
    if (path.some((part) => part === '' || part === '__proto__'))
      throw new UserError(`${where}: wanted a dotted key such as train.seed, got "${key}"`);
    return overlay(all, path.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as Settings);
  }, {});
}

/** `over` laid over `under`, section by section; lists and values are replaced. */
export function overlay<T extends Settings>(under: T, over: Settings): T {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const held = merged[key];
    merged[key] = isSection(held) && isSection(value) ? overlay(held, value) : value;
  }
  return merged as T;
}

export function valueAt(settings: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((at, part) => (isSection(at) ? at[part] : undefined), settings);
}

/** The dotted keys of all values below. */
export function leafKeys(settings: Settings, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([key, value]) =>
    isSection(value) && Object.keys(value).length > 0 ? leafKeys(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

export interface Difference {
  readonly key: string;
  readonly before: unknown;
  readonly now: unknown;
}

/** What differs between two settings, by dotted key. */
export function differences(before: unknown, now: unknown, key = ''): Difference[] {
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (!isSection(before) || !isSection(now)) return [{ key, before, now }];
  const keys = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...keys].flatMap((part) => differences(before[part], now[part], key === '' ? part : `${key}.${part}`));
}
