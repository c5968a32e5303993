/** How a run ended. */
export interface RunResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly steps: number;
  /** Metrics of the last evaluation, by full name: `val/top1`, `val_ema/top1`, ... */
  readonly last: Readonly<Record<string, number>>;
  readonly best: { readonly step: number; readonly top1: number } | null;
  readonly seconds: number;
}
