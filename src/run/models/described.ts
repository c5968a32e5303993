import { existsSync, readFileSync, statSync } from 'node:fs';
import { type DescribedSettings, describedSchema } from '../../config/schema.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { parseJsonFile } from '../../formats/disk/jsonFileNode.ts';
import type { ForeignHints } from '../../formats/foreignModelNode.ts';
import { UserError } from '../../graph/errors.ts';
import { checkRegular } from '../../data/regularFileNode.ts';
import { decodeText, EncodingError } from '../../data/tables/textEncoding.ts';
import { listNames } from '../../graph/names.ts';
import type { ByIndex } from './loaded.ts';

/** What a user says of a model that others have trained; it wins over what the files say. */
export type Described = Partial<DescribedSettings>;

/** The same for a file of weights. */
export function hintsOf({ classes, imageSize, mean, std, evalCropRatio, features = {} }: Described, path: string) {
  if (Object.keys(features).length > 0)
    throw new UserError(
      `${path}: features are chosen in .onnx files; of weights they are known (understudy inspect). Leave teacher.features out`,
    );
  const labels = classes == null ? undefined : givenClasses(classes);
  const hints: ForeignHints = {
    ...(labels === undefined ? {} : { labels: typeof labels === 'string' ? 'index' : labels }),
    ...(imageSize == null ? {} : { imageSize }),
    ...(mean == null ? {} : { mean }),
    ...(std == null ? {} : { std }),
    ...(evalCropRatio == null ? {} : { evalCropRatio }),
  };
  return { hints, classesByIndex: byIndex(labels) };
}

/** Refuses to describe a model that says all of it itself. */
export function refuseDescribed(described: Described, path: string): void {
  const { features = {}, ...rest } = described;
  const said: Readonly<Record<string, unknown>> = Object.keys(features).length > 0 ? { ...rest, features } : rest;
  // A teacher's settings have more than its description.
  const keys = Object.keys(describedSchema.shape).filter((key) => said[key] != null);
  if (keys.length > 0)
    throw new UserError(
      `${path}: ${keys.join(', ')}: wanted for models that others have trained; this one is Understudy's and says it itself. Leave ${keys.length === 1 ? 'it' : 'them'} out`,
    );
}

const byIndex = (classes: readonly string[] | ByIndex | undefined): ByIndex | false =>
  typeof classes === 'string' ? classes : false;

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

/** @throws UserError where class names are not as many as the logits. */
export function checkCount(path: string, classes: readonly string[] | ByIndex | undefined, count: number): void {
  if (classes === undefined || typeof classes === 'string') return;
  if (classes.length !== count)
    throw new UserError(
      `${path}: wanted ${count} class names, one for each of its logits, got ${classes.length} (${listNames(classes, 4)})`,
    );
}

export function listed(labels: object, where: string): string[] {
  const names = Array.isArray(labels)
    ? (labels as unknown[])
    : Object.keys(labels).map((_, i) => (labels as Record<string, unknown>)[String(i)]);
  if (names.length === 0 || !names.every((name) => typeof name === 'string'))
    throw new UserError(
      `${where}: wanted class names by number from 0, as in {"0": "cat", "1": "dog"}, got ${JSON.stringify(labels).slice(0, 80)}`,
    );
  return names as string[];
}
