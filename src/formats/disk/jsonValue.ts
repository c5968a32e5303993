import { UserError } from '../../graph/errors.ts';
import { MOST_JSON_DEPTH } from '../../models/limits.ts';

/** An object of a JSON file whose content is not known yet. */
export type Json = Readonly<Record<string, unknown>>;

/** The value itself where it is an object, else an empty one. */
export function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** The value under a key where it is a whole number above 0, else nothing. */
export const positive = <K extends string>(key: K, value: unknown): Partial<Record<K, number>> =>
  Number.isInteger(value) && (value as number) > 0 ? ({ [key]: value } as Record<K, number>) : {};

/** A value of the user's file, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

/** Whether a JSON text has more than `MOST_JSON_DEPTH` brackets within each other, which what walks values would stumble over. */
export function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      at++;
      while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    } else if (character === '{' || character === '[') {
      if (++depth > MOST_JSON_DEPTH) return true;
    } else if (character === '}' || character === ']') depth--;
  }
  return false;
}

/** The value of a JSON text; `path` is what messages call it. @throws UserError where it is none, or deeper than `models/limits.ts` allows. */
export function parseJson(text: string, path: string): unknown {
  if (isDeep(text))
    throw new UserError(`${path}: wanted JSON, got more than ${MOST_JSON_DEPTH} brackets within each other`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: wanted JSON, got ${(error as Error).message.slice(0, 200)}`);
  }
}

/** The same of an object. */
export const parseJsonObject = (text: string, path: string): Record<string, unknown> =>
  asJsonObject(parseJson(text, path), path);

/** A JSON value that has to be an object. @throws UserError where it is none. */
export function asJsonObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`${path}: wanted a JSON object, got ${show(value)}`);
}
