import { parse } from 'yaml';
import { UserError } from '../graph/errors.ts';

/** Our choice: settings have five levels; what refers to itself has no end. */
const DEEPEST = 100;

/** Our choice: characters; a hundred times what settings have, and a second of parsing. */
const LONGEST = 2 ** 21;

/**
 * The value of a YAML (or JSON) text; `where` names it in errors.
 * @throws UserError for what is no YAML, is very long, is nested too deeply, or contains itself by an alias.
 */
export function readYaml(text: string, where: string): unknown {
  if (text.includes('\0'))
    throw new UserError(`${where}: wanted YAML, got bytes that are no text in UTF-8. Save it as UTF-8`);
  if (text.length > LONGEST)
    throw new UserError(
      `${where}: wanted settings of at most ${LONGEST} characters, got ${text.length}. Is it another file?`,
    );
  let value: unknown;
  try {
    // 'error' tells no warnings: what is odd is refused by the schema, with its key.
    value = parse(text, { logLevel: 'error' });
  } catch (error) {
    throw new UserError(`${where}: wanted YAML, got ${reasonOf(error as Error)}`);
  }
  if (!endsWithin(value, DEEPEST))
    throw new UserError(`${where}: wanted YAML, got more than ${DEEPEST} levels, or an alias of what it stands in`);
  return value;
}

function reasonOf(error: Error & { readonly code?: string }): string {
  // The library says it in its own error where it can.
  if (error instanceof RangeError || error.message.startsWith('Maximum call stack'))
    return 'more levels than can be read';
  if (error.code === 'MULTIPLE_DOCS') return 'several documents (---). Leave one';
  return error.message.split('\n')[0]!;
}

function endsWithin(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true;
  return levels > 0 && Object.values(value).every((inner) => endsWithin(inner, levels - 1));
}
