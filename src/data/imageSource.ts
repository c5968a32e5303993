import { brief, UserError } from '../graph/errors.ts';
import { listNames } from '../graph/names.ts';
import type { Pixels } from './augment/pixels.ts';
import { type Dataset, type ImageList, splitList } from './dataset.ts';

/** An image of a source: what `read` is asked for, and its class. */
export interface SourceImage {
  /** Unlike all others; its views are drawn by it. */
  readonly id: string;
  /** A class, or several; left out of images without labels, which are so all or none. */
  readonly label?: string | readonly string[];
}

/** Images that come from wherever you have them: a database, an archive, a generator. */
export interface ImageSource {
  /** What settings and messages call it. */
  readonly name: string;
  /** In the order of the logits. */
  readonly classes: readonly string[];
  readonly train: readonly SourceImage[];
  /** Left out: a stratified part of `train`, chosen by `data.splitSeed`. */
  readonly val?: readonly SourceImage[];
  /** The bytes of an image file, or RGB pixels. An error with a message makes it an unreadable image, which is counted and named. */
  read(id: string): Promise<Uint8Array | Pixels>;
  /** In a browser: the file of an image, or its address, where workers can read it by themselves; else `read` is asked, by the thread that trains. */
  where?(id: string): Blob | string;
}

/** A data source of your own, typed. */
export const defineImages = (source: ImageSource): ImageSource => source;

/** The lists of a source. @throws UserError where ids repeat, labels are no classes, or some images have none. */
export function datasetOf(source: ImageSource, valFraction: number, seed: number): Dataset {
  const { classes, train, val } = source;
  const ids = [...train, ...(val ?? [])].map(({ id }) => id);
  const seen = new Set<string>();
  const twice = ids.find((id) => seen.size === seen.add(id).size);
  if (twice !== undefined)
    throw new UserError(`${source.name}: wanted an id for each image, got ${brief(JSON.stringify(twice))} twice`);
  const labelled = ids.length > 0 && [...train, ...(val ?? [])].some(({ label }) => label !== undefined);
  if (labelled && classes.length < 2)
    throw new UserError(`${source.name}: wanted two classes or more, got ${listNames(classes) || 'none'}`);
  const whole = listOf(source, train, labelled);
  const names = labelled ? classes : [];
  if (!val) return { classes: names, ...splitList(whole, valFraction, seed), splitSource: 'seeded' };
  return { classes: names, train: whole, val: listOf(source, val, labelled), splitSource: 'folders' };
}

function listOf({ name, classes }: ImageSource, images: readonly SourceImage[], labelled: boolean): ImageList {
  const index = new Map(classes.map((one, i) => [one, i]));
  const numberOf = (id: string, label: string) => {
    const found = index.get(label);
    if (found === undefined)
      throw new UserError(
        `${name}: image ${JSON.stringify(id)}: wanted a class of ${listNames(classes)}, got ${JSON.stringify(label)}`,
      );
    return found;
  };
  const without = images.find(({ label }) => labelled && label === undefined);
  if (without)
    throw new UserError(
      `${name}: wanted a label for all images or for none, got none for ${JSON.stringify(without.id)}`,
    );
  const several = images.some(({ label }) => typeof label === 'object');
  const paths = images.map(({ id }) => id);
  const setOf = ({ id, label = [] }: SourceImage) =>
    (typeof label === 'string' ? [label] : label).map((one) => numberOf(id, one)).sort((a, b) => a - b);
  if (several) return { root: name, paths, labels: new Int32Array(paths.length).fill(-1), sets: images.map(setOf) };
  const labels = Int32Array.from(images, ({ id, label }) => (label === undefined ? -1 : numberOf(id, label as string)));
  return { root: name, paths, labels };
}
