/** One of the two shares, 0 to 1. */
export interface BestStep {
  readonly step: number;
  readonly top1?: number;
  readonly teacherAgreement?: number;
}

/** How a run ended. */
export interface RunResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly steps: number;
  /** Metrics of the last evaluation, by full name: `val/top1`, `val_ema/top1`, ... */
  readonly last: Readonly<Record<string, number>>;
  /** The best evaluation: by top-1, or by agreement with the teacher where the images have no labels. */
  readonly best: BestStep | null;
  readonly seconds: number;
}

/** What a checkpoint's best metric is. */
export function bestStep({ step, metric }: { readonly step: number; readonly metric: number }, labelled: boolean) {
  return labelled ? { step, top1: metric } : { step, teacherAgreement: metric };
}
