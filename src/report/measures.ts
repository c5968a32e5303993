/** A share in percent; a dash where there is none. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '-' : `${(100 * share).toFixed(2)} %`;

/** What the measures of an evaluation are called. */
export const LABELS: Readonly<Record<string, string>> = {
  top1: 'top-1',
  class_head_top1: 'top-1 of the class head alone',
  top5: 'top-5',
  map: 'mAP',
  micro_f1: 'micro-F1',
  macro_f1: 'macro-F1',
  ece: 'expected calibration error',
  teacher_agreement: 'agreement with the teacher',
  'teacher/top1': 'top-1 of the teacher',
  'teacher/map': 'mAP of the teacher',
  neighbour_agreement: "nearest neighbours that are the teacher's too",
  knn_top1: 'top-1 of its 20 nearest training images (kNN)',
  'teacher/knn_top1': 'kNN of the teacher',
  probe_top1: 'top-1 of a linear classifier on it',
  'teacher/probe_top1': 'linear classifier on the teacher',
};

/** 5717416 -> `5.72 M`; by powers of 1000. */
export function quantity(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  return String(value);
}

/** Rows of a table of classes at most. */
export const MOST_CLASSES = 200;
