import type { Label } from './layout.ts';

/** Images of one file, and to which part they belong where the file itself says so. */
export interface Record {
  readonly path: string;
  readonly label: Label;
  readonly part?: string | undefined;
}
