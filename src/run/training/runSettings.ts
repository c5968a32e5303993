import type { RunInput } from '../../config/schema.ts';

type Partially<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Partially<T[K]> } : T;

/** Any part of a run's configuration. */
export type RunSettings = Partially<RunInput>;
