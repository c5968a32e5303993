import { closest, distance } from 'fastest-levenshtein';
import { brief, UserError } from './errors.ts';

/** The nearest of the valid names, if one is near. */
export function nearest(name: string, valid: readonly string[]): string | undefined {
  if (valid.length === 0) return undefined;
  const found = closest(name, valid);
  const far = distance(name, found);
  return far < name.length && far <= Math.max(2, Math.floor(name.length / 3)) ? found : undefined;
}

/** `Unknown model "vti". Did you mean vit? Available: ...` */
export function unknownName(what: string, name: string, valid: readonly string[], more = ''): UserError {
  const near = nearest(name, valid);
  return new UserError(
    `Unknown ${what} "${brief(name)}".${near ? ` Did you mean ${near}?` : ''} Available: ${[...valid].sort().join(', ')}${more}`,
  );
}

/** Names as a message shows them: the first eight, and how many there are. */
export const fewNames = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')}, ... (${names.length})` : names.join(', ');
