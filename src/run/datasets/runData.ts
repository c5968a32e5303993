import type { Dataset, ImageList } from '../../data/dataset.ts';
import type { DataFacts } from '../plan/defaults.ts';

/** Whether the training images have labels of their own; they may have none where those of `data.valDir` have some. */
export const trainLabelled = ({ labelled, train }: Pick<RunData, 'labelled' | 'train'>): boolean =>
  labelled && (train.sets !== undefined || train.labels.some((label) => label >= 0));

/** The images of a run. */
export interface RunData {
  /** False where no image has a class; `classes` are then the teacher's. */
  readonly labelled: boolean;
  /** An image may have several classes, or none. */
  readonly multilabel: boolean;
  readonly classes: readonly string[];
  readonly train: ImageList;
  readonly val: ImageList;
  readonly splitSource: Dataset['splitSource'];
  /** The validation images are of `data.valDir`: no checkpoint is chosen by them. */
  readonly reportOnly: boolean;
  readonly facts: DataFacts;
  /** What was taken as what, where the data can be read in two ways. */
  readonly notes: readonly string[];
  /** Digests of the two lists, to notice at a resume that the data changed. */
  readonly digests: Readonly<Record<'train' | 'val', string>>;
  /** Size and time of each image's file, to notice at a resume that one is another under the same name; where files have them. */
  readonly stamps?: (list: ImageList) => Promise<readonly string[]>;
}
