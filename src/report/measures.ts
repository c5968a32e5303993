/** A share in percent; a dash where there is none. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '-' : `${(100 * share).toFixed(2)} %`;

/** What the measures of an evaluation are called. */
export const LABELS: Readonly<Record<string, string>> = {
  top1: 'top-1',
  top5: 'top-5',
  map: 'mAP',
  micro_f1: 'micro-F1',
  macro_f1: 'macro-F1',
  ece: 'expected calibration error',
  teacher_agreement: 'agreement with the teacher',
  teacher_top1: 'top-1 of the teacher',
  teacher_map: 'mAP of the teacher',
};

/** Rows of a table of classes at most. */
export const MOST_CLASSES = 200;
