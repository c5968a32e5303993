export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment; never goes back. */
  elapsed(): number;
}

/** The clock of this machine: both are standard in Node, in pages and in workers. */
export const systemClock: Clock = { now: () => Date.now(), elapsed: () => performance.now() };
