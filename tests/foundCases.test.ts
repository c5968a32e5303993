import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../src/data/openDatasetNode.ts';

/** Data sets as people have them, beside the project: where they are not, the tests of src/data/ hold the same kinds. */
const CASES = fileURLToPath(new URL('../../shared/cases', import.meta.url));

/** Classes, training and validation images, who split, and a word of each note. */
type Row = readonly [place: string, classes: string, train: number, val: number, by: string, ...notes: RegExp[]];

const READ: readonly Row[] = [
  ['partsTakenForClasses/Kaggle-Training-Testing', 'glioma meningioma notumor pituitary', 60, 20, 'folders'],
  ['partsTakenForClasses/train-eval', 'a b', 24, 8, 'folders'],
  ['csvEncoding/data', 'hibou pèche pêche', 33, 3, 'seeded', /line 2 is no UTF-8; read as Windows-1252/],
  ['csvEncoding/data-3-classes', 'chien félin hïbou', 33, 3, 'seeded', /Windows-1252/],
  ['csvDelimiter/semicolons', 'cat dog owl', 33, 3, 'seeded'],
  ['csvDelimiter/semicolons-no-header', 'cat dog owl', 33, 3, 'seeded'],
  ['csvDelimiter/tabs', 'cat dog owl', 33, 3, 'seeded'],
  ['droppedByExtension/jfif-only', 'cat dog', 22, 2, 'seeded'],
  ['droppedByExtension/mixed', 'cat dog', 72, 8, 'seeded', /40 of 120 pictures are left out.*20 \.heic.*20 \.ppm/],
  ['tarKeys/depth-and-mask', '0 1 2', 33, 3, 'seeded', /36 \.depth\.png .*36 \.seg\.png/],
  [
    'kaggleLayouts/train-classes-flat-test',
    'nok ok unsure',
    33,
    3,
    'seeded',
    /test: 6 images are left out, without classes/,
  ],
  ['kaggleLayouts/train-csv-beside-images', 'cat dog owl', 33, 3, 'seeded', /sample_submission\.csv is not read/],
  ['columnLabels/one-label-each', 'cat dog owl', 33, 3, 'seeded', /one class each/],
  ['columnLabels/space-separated', 'frog_eye_leaf_spot healthy scab', 32, 4, 'seeded', /blanks stand between them/],
];

describe.skipIf(!existsSync(CASES))('data sets as people have them', () => {
  it.each(READ.map((row) => ({ place: row[0], row })))('$place', async ({ row }) => {
    const [place, classes, train, val, by, ...notes] = row;
    const read = await openDataset(join(CASES, place), { seed: 1 });
    expect([read.classes.join(' '), read.train.paths.length, read.val.paths.length, read.splitSource]).toEqual([
      classes,
      train,
      val,
      by,
    ]);
    expect(read.train.sets !== undefined).toBe(place.endsWith('space-separated'));
    expect(read.notes ?? []).toEqual(notes.map((note) => expect.stringMatching(note)));
  });

  it.each([
    ['partsTakenForClasses/class-called-train', /train may be a part or a class/],
    ['tarKeys/dotted-keys', /one picture under the key 22, got 36: 22\.00\.000\.png, 22\.00\.001\.png/],
  ])('%s is refused', async (place, message) => {
    await expect(openDataset(join(CASES, place), { seed: 1 })).rejects.toThrow(message);
  });
});
