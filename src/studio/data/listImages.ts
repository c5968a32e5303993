import type { ImageList } from '../../data/dataset.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import { listingOptions } from '../../run/datasets/imageListing.ts';
import type { Reply, Said } from '../asking/question.ts';
import type { CatalogueHead } from './catalogue.ts';

/** Question `list`: the images of a folder, packed as `Catalogue` reads them. */
export async function listImages([dir]: readonly string[], say: (said: Said) => void): Promise<Reply> {
  const data = await openDataset(dir!, {
    seed: 0,
    ...listingOptions((event) => {
      if (event.type === 'listing') say({ images: event.images });
    }),
  });
  const lists = [data.train, data.val];
  const images = lists.reduce((sum, { paths }) => sum + paths.length, 0);
  const head: CatalogueHead = {
    root: data.train.root,
    classes: data.classes,
    images,
    train: data.train.paths.length,
    splitSource: data.splitSource,
    multilabel: data.train.sets !== undefined,
    notes: data.notes ?? [],
  };
  return { head, body: [...packedLabels(lists, images), ...packedPaths(lists, images)] };
}

const bytesOf = (array: Uint32Array | Int32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Where each image's classes begin (one more than there are images), and the classes themselves. */
function packedLabels(lists: readonly ImageList[], images: number): Uint8Array[] {
  const starts = new Uint32Array(images + 1);
  const classes: number[] = [];
  let at = 0;
  for (const { labels, sets } of lists)
    for (const [i, label] of labels.entries()) {
      for (const one of sets ? sets[i]! : label < 0 ? [] : [label]) classes.push(one);
      starts[++at] = classes.length;
    }
  return [bytesOf(starts), bytesOf(Int32Array.from(classes))];
}

/** Where each path begins in the text, and the text. */
function packedPaths(lists: readonly ImageList[], images: number): Uint8Array[] {
  const starts = new Uint32Array(images + 1);
  const texts: Buffer[] = [];
  let [at, end] = [0, 0];
  for (const { paths } of lists)
    for (const path of paths) {
      const text = Buffer.from(path);
      texts.push(text);
      end += text.length;
      starts[++at] = end;
    }
  return [bytesOf(starts), Buffer.concat(texts)];
}
