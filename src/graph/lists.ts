/*
 * Lists of any length, as of all images of a data set: what JavaScript offers as `push(...list)` and `Math.max(...list)` puts each
 * member on the stack, which overflows from about 125,000 on. tests/architecture.test.ts forbids it.
 */

/** Puts all values at the end of a list. */
export function append<T>(list: T[], values: Iterable<T>): void {
  for (const value of values) list.push(value);
}

/** The largest value, NaN where one is; `atLeast` where there is none. */
export function largest(values: Iterable<number>, atLeast = -Infinity): number {
  let found = atLeast;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** The smallest value, NaN where one is; `atMost` where there is none. */
export function smallest(values: Iterable<number>, atMost = Infinity): number {
  let found = atMost;
  for (const value of values) found = Math.min(found, value);
  return found;
}
