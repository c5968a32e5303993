/** One thing that the doctor looked at. */
export interface Finding {
  /** `ok`: as it should be; `note`: to know; `warning`: the run would go, but worse; `error`: the run would not go. */
  readonly level: 'ok' | 'note' | 'warning' | 'error';
  readonly about: string;
  readonly text: string;
  readonly remedy?: string;
}
