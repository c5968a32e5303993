import { BLOCK, type WireName, wireOf } from './wire.ts';

/** What joins the machines of a job. */
export interface Link {
  /** Bytes a second that a machine sends while it receives as many. */
  readonly bytesPerSecond: number;
  /** Seconds that a message takes besides. */
  readonly latency: number;
}

/** An update as one process takes it. */
export interface MeasuredUpdate {
  /** Seconds of a micro-batch, measured; the optimiser's part is counted in. */
  readonly micro: number;
  /** Micro-batches of an update. */
  readonly accumulate: number;
  /** Numbers that are summed over the micro-batches: the gradients of all parameters. */
  readonly parameters: number;
  /** How they travel. Default: fp32. */
  readonly wire?: WireName;
}

export interface UpdateForecast {
  readonly ranks: number;
  /** Of an update; not the parts alone: an exchange goes on while the next micro-batch is computed. */
  readonly seconds: number;
  /** Seconds of them in which nothing is computed. */
  readonly waiting: number;
  /** Bytes that a rank sends in an update. */
  readonly bytes: number;
  /** How many times as fast as one rank. */
  readonly speedUp: number;
}

const FLOAT = 4;
/** Bytes of a number on its way. */
const bytesOf = (wire: WireName): number => (FLOAT * wireOf(wire).words(BLOCK)) / BLOCK;

/**
 * An update on `ranks` machines, each like the one that was measured. The micro-batches go in rounds, one to a rank. After each
 * round every rank sends each other one its slice of the gradients, (N-1)/N x 4 B x parameters (2 B in fp16); the exchange of a round goes on
 * while the next one is computed, that of the last is waited for. At the end the summed slices are gathered, as many bytes once more.
 * With one round that is 2(N-1)/N x 4 B x parameters, as of a ring (orderedSum.ts; Thakur and others, 2005, section 4). Our choice:
 * the time of N-1 messages a collective, and none for the host's own additions and copies.
 */
export function forecastUpdate(
  { micro, accumulate, parameters, wire = 'fp32' }: MeasuredUpdate,
  ranks: number,
  link: Link,
): UpdateForecast {
  const rounds = Math.ceil(accumulate / ranks);
  const slices = ((ranks - 1) / ranks) * bytesOf(wire) * parameters;
  const collective = ranks === 1 ? 0 : slices / link.bytesPerSecond + (ranks - 1) * link.latency;
  const waiting = (rounds - 1) * Math.max(0, collective - micro) + 2 * collective;
  const seconds = rounds * micro + waiting;
  return { ranks, seconds, waiting, bytes: (rounds + 1) * slices, speedUp: (accumulate * micro) / seconds };
}

/** Our choice: twice the machines are worth it where they are at least so many times as fast. */
const WORTH_IT = 1.25;

/** 1, 2, 4, ... up to as many as there are micro-batches to share, but at most `most`. */
export const rankCounts = ({ accumulate }: MeasuredUpdate, most: number): number[] =>
  Array.from({ length: 32 }, (_, i) => 2 ** i).filter((ranks) => ranks <= Math.min(accumulate, most));

/**
 * The ranks, of 1, 2, 4, ..., beyond which more do not pay: no larger number is worth its doublings from there. Not simply the first
 * doubling that pays not: where the link is slow, two ranks may be slower than one, and eight, with fewer exchanges, faster.
 */
export function mostThatPay(update: MeasuredUpdate, link: Link, most: number): number {
  const price = (ranks: number) => forecastUpdate(update, ranks, link).seconds * WORTH_IT ** Math.log2(ranks);
  return rankCounts(update, most).reduce((best, ranks) => (price(ranks) < price(best) ? ranks : best), 1);
}
