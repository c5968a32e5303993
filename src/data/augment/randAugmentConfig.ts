import { UserError } from '../../graph/errors.ts';

/** The parts of timm's text, such as rand-m9-mstd0.5-inc1. */
export interface RandAugmentConfig {
  /** m: 0..10. */
  readonly magnitude: number;
  /** mstd: deviation of the level; above 100 the level is uniform in 0..m. */
  readonly deviation: number;
  /** mmax: the level's upper end. */
  readonly largest: number;
  /** n: operations for an image. */
  readonly layers: number;
  /** p: that each is applied. */
  readonly probability: number;
}

const EXAMPLE = 'rand-m9-mstd0.5-inc1';
/** Largest value of each number; above it, it is a slip. */
const LIMITS: Readonly<Record<string, number>> = { m: 10, mstd: Number.MAX_VALUE, mmax: 10, n: 15, p: 1, inc: 1 };

/**
 * Reads timm's text. Only the increasing operations are there: those of all the recipes.
 * @throws UserError that says what is wrong with it.
 */
export function parseRandAugment(text: string): RandAugmentConfig {
  const [head, ...sections] = text.split('-');
  const fail = (got: string): UserError =>
    new UserError(
      `augment.randAugment: wanted timm's text such as ${EXAMPLE} (m magnitude 0 to 10, mstd its deviation, mmax, n operations, p probability, inc1), got "${text}": ${got}`,
    );
  if (head !== 'rand') throw fail('it begins with rand-');
  const found: Record<string, number> = {};
  for (const section of sections) {
    const [, key, digits] = /^([a-z]+)(\d+(?:\.\d+)?)$/.exec(section) ?? [];
    if (key === undefined || !(key in LIMITS)) throw fail(`"${section}" is no part of it`);
    if (key in found) throw fail(`${key} is there twice`);
    found[key] = Number(digits);
    if (found[key]! > LIMITS[key]!) throw fail(`${key} is at most ${LIMITS[key]}`);
  }
  if (found.inc !== 1) throw fail('only the increasing operations are supported; add -inc1');
  const { m = 10, mstd = 0, mmax = 10, n = 2, p = 0.5 } = found;
  if (!Number.isInteger(n) || n < 1) throw fail('n is a whole number from 1 on');
  return {
    magnitude: m,
    deviation: mstd > 100 ? Number.POSITIVE_INFINITY : mstd,
    largest: mmax,
    layers: n,
    probability: p,
  };
}
