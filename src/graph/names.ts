import { closest, distance } from 'fastest-levenshtein';
import { brief, UserError } from './errors.ts';

/** Our choice: more is a list, not a hint. */
const MOST_NEAR = 4;

/** The valid names that somebody may have meant, the likeliest first: one that is misspelt, or those that the name begins. */
export function nearNames(name: string, valid: readonly string[]): string[] {
  const misspelt = valid.length === 0 ? undefined : closest(name, valid);
  const far = misspelt === undefined ? 0 : distance(name, misspelt);
  if (misspelt !== undefined && far < name.length && far <= Math.max(2, Math.floor(name.length / 3))) return [misspelt];
  const begun = valid.filter((one) => name.length >= 2 && one.toLowerCase().startsWith(name.toLowerCase()));
  return begun.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, MOST_NEAR);
}

/** ` Did you mean vit or vit_tiny?`, or nothing. */
export function didYouMean(name: string, valid: readonly string[], written = (near: string) => near): string {
  const near = nearNames(name, valid).map(written);
  return near.length === 0 ? '' : ` Did you mean ${oneOf(near)}?`;
}

/** `a`, `a or b`, `a, b or c` */
export const oneOf = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;

/** `Unknown model "vti". Did you mean vit? Available: ...` */
export function unknownName(what: string, name: string, valid: readonly string[], more = ''): UserError {
  const hint = didYouMean(name, valid);
  const names = listNames([...valid].sort(), hint === '' ? valid.length : undefined);
  return new UserError(`Unknown ${what} "${brief(name)}".${hint} Available: ${names}${more}`);
}

/** A name among others that commas separate: in quotes where it would be taken for two, or for another. */
export const shownName = (name: string): string =>
  /^[^",\s\\\p{Cc}]([^",\\\p{Cc}]*[^",\s\\\p{Cc}])?$/u.test(name) ? name : JSON.stringify(name);

/** Names as texts show them, the first `most`, and how many there are. `splitNames` takes a whole list back. */
export const listNames = (names: readonly string[], most = 8): string => {
  const shown = names.slice(0, most).map(shownName).join(', ');
  return names.length > most ? `${shown}, ... (${names.length})` : shown;
};

/**
 * The names of a list that commas separate; one that has commas of its own stands in quotes, as JSON writes it.
 * @throws UserError for a quote that is not closed.
 */
export function splitNames(text: string): string[] {
  const names: string[] = [];
  const piece = /\s*(?:("(?:[^"\\]|\\.)*")|([^",]*?))\s*(,|$)/y;
  for (;;) {
    const found = piece.exec(text);
    if (!found)
      throw new UserError(`wanted names with commas in quotes, as in "tabby, tabby cat",crane, got ${brief(text)}`);
    const [, quoted, plain = '', end] = found;
    names.push(quoted === undefined ? plain : unquoted(quoted));
    if (end === '') return names;
  }
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
