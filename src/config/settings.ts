export type Settings = Readonly<Record<string, unknown>>;

export const isSection = (value: unknown): value is Settings =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** A text that stands for a section says this key of it: `teacher: REF` is short for `teacher: {ref: REF}`. */
const SHORT: Readonly<Record<string, string>> = { teacher: 'ref' };

/** The section that a short form stands for; anything else as it is. */
export function spelledOut(key: string, value: unknown): unknown {
  const short = SHORT[key];
  return short !== undefined && typeof value === 'string' ? { [short]: value } : value;
}

/** `over` laid over `under`, section by section; lists and values are replaced. */
export function overlay<T extends Settings>(under: T, over: Settings): T {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const held = isSection(value) ? spelledOut(key, merged[key]) : merged[key];
    const laid = isSection(held) ? spelledOut(key, value) : value;
    merged[key] = isSection(held) && isSection(laid) ? overlay(held, laid) : laid;
  }
  return merged as T;
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

/** The value of a dotted key; undefined where there is none. */
export function valueAt(settings: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((at, part) => (isSection(at) ? at[part] : undefined), settings);
}
