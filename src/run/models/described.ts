import { type DescribedSettings, describedSchema } from '../../config/schema.ts';
import type { ForeignHints } from '../../formats/foreignModel.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { ByIndex } from './loaded.ts';

/** What a user says of a model that others have trained; it wins over what the files say. */
export type Described = Partial<DescribedSettings>;

/** The same with the names of the classes, or a word for them, in place of the file that holds them. */
export type DescribedByNames = Omit<Described, 'classes'> & {
  readonly classes?: readonly string[] | ByIndex | null | undefined;
};

/** The same for a file of weights. */
export function hintsOf(
  { classes, imageSize, mean, std, evalCropRatio, features = {} }: DescribedByNames,
  path: string,
) {
  if (Object.keys(features).length > 0)
    throw new UserError(
      `${path}: features are chosen in .onnx files; of weights they are known (understudy inspect). Leave teacher.features out`,
    );
  const hints: ForeignHints = {
    ...(classes == null ? {} : { labels: typeof classes === 'string' ? 'index' : classes }),
    ...(imageSize == null ? {} : { imageSize }),
    ...(mean == null ? {} : { mean }),
    ...(std == null ? {} : { std }),
    ...(evalCropRatio == null ? {} : { evalCropRatio }),
  };
  return { hints, classesByIndex: byIndex(classes) };
}

/** Refuses to describe a model that says all of it itself. */
export function refuseDescribed(described: Described | DescribedByNames, path: string): void {
  const { features = {}, ...rest } = described;
  const said: Readonly<Record<string, unknown>> = Object.keys(features).length > 0 ? { ...rest, features } : rest;
  // A teacher's settings have more than its description.
  const keys = Object.keys(describedSchema.shape).filter((key) => said[key] != null);
  if (keys.length > 0)
    throw new UserError(
      `${path}: ${keys.join(', ')}: wanted for models that others have trained; this one is Understudy's and says it itself. Leave ${keys.length === 1 ? 'it' : 'them'} out`,
    );
}

const byIndex = (classes: DescribedByNames['classes']): ByIndex | false =>
  typeof classes === 'string' ? classes : false;

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
