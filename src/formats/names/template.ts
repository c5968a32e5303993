import { internal } from '../../graph/errors.ts';

/**
 * A pattern of parameter names that can be read and written. `{i}` and `{j}` are whole numbers, which may be shifted in one of
 * two patterns that belong together (`{i}` and `{i+1}`); `{x}` is the rest of a name. The same place twice means the same value.
 */
export interface Template {
  readonly text: string;
  /** The values of the places, or undefined where the name does not fit. */
  match(name: string): Values | undefined;
  fill(values: Values): string;
}

export type Values = Readonly<Record<string, string>>;

const PLACE = /\{([a-z])(?:\+(\d))?\}/g;

export function template(text: string): Template {
  const places: { name: string; shift: number }[] = [];
  let pattern = '';
  let end = 0;
  for (const found of text.matchAll(PLACE)) {
    pattern += escaped(text.slice(end, found.index));
    end = found.index + found[0].length;
    const [name, shift] = [found[1]!, Number(found[2] ?? 0)];
    const known = places.some((place) => place.name === name);
    if (known && shift !== 0) throw internal(`${text}: a shifted place stands once`);
    pattern += known ? `\\k<${name}>` : `(?<${name}>${name === 'x' ? '.+' : '\\d{1,6}'})`;
    if (!known) places.push({ name, shift });
  }
  const regex = new RegExp(`^${pattern}${escaped(text.slice(end))}$`);
  return {
    text,
    match: (name) => {
      const groups = regex.exec(name);
      if (!groups) return undefined;
      const values = places.map(({ name, shift }) => [name, shifted(groups.groups![name]!, name, -shift)] as const);
      return values.some(([, value]) => value.startsWith('-')) ? undefined : Object.fromEntries(values);
    },
    fill: (values) =>
      text.replace(PLACE, (_, name: string, shift?: string) => shifted(values[name] ?? '', name, Number(shift ?? 0))),
  };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const shifted = (value: string, name: string, by: number): string =>
  name === 'x' ? value : String(Number(value) + by);
