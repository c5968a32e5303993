import { existsSync, readFileSync, statSync } from 'node:fs';
import { checkRegular } from '../../data/regularFileNode.ts';
import { decodeText, EncodingError } from '../../data/tables/textEncoding.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { parseJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { UserError } from '../../graph/errors.ts';
import { type Described, type DescribedByNames, listed } from './described.ts';
import type { ByIndex } from './loaded.ts';

/** A description with the names that its file of classes holds. @throws UserError where it cannot be read. */
export const withNames = ({ classes, ...described }: Described): DescribedByNames =>
  classes == null ? described : { ...described, classes: givenClasses(classes) };

/** The names that a file holds, or the names or the word themselves. */
export function givenClasses(given: string | readonly string[]): readonly string[] | ByIndex {
  if (typeof given !== 'string') return given;
  if (given === 'index' || given === 'natural') return given;
  if (!existsSync(given) || !statSync(given).isFile())
    throw new UserError(
      `${given}: ${existsSync(given) ? 'not a' : 'no such'} file; wanted class names, one a line or as JSON, or the word index (those of the data, ordered by code point) or natural (ordered as people count)`,
    );
  if (/\.json$/i.test(given)) {
    const value = parseJsonFile(given) as { id2label?: object } | unknown[] | null;
    return listed((Array.isArray(value) ? value : (value?.id2label ?? value)) ?? {}, given);
  }
  return textOf(given)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function textOf(path: string): string {
  checkRegular(path, 'class names, one a line');
  try {
    return decodeText(readFileSync(path)).text;
  } catch (error) {
    if (error instanceof EncodingError)
      throw new UserError(`${path}: wanted class names in UTF-8, got ${error.message}. Save it as UTF-8`);
    throw fileError(error, path, 'read it');
  }
}
