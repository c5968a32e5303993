import { UserError } from '../../graph/errors.ts';
import { type Filter, FILTERS } from '../../nn/resampling.ts';
import type { Size, Triple } from './imageProcessors.ts';
import { asObject, show } from '../disk/jsonValue.ts';
import type { Preprocessing } from '../savedModel.ts';

/** How a model's own library prepares images, as far as the files say it. */
export type ReadPreprocessing = Partial<Preprocessing> & {
  /** The model takes its channels as blue, green, red, after they were normalised as red, green, blue. */
  readonly flipsChannels?: true;
  /** What is done otherwise here. */
  readonly notes: readonly string[];
};

/** Our choice: no classifier sees more, and a side of a damaged file must not take all memory. */
const MOST_SIDE = 4096;

/** Our choice: no mean or deviation of pixels is larger, and none is smaller than its inverse; beyond it answers overflow. */
export const MOST_NORMAL = 1e6;

const isSide = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= MOST_SIDE;

/** Side of a square: a number, or {height, width} that are equal. */
export function sideOf(value: unknown, where: string, key: string): number {
  const { height, width } = asObject(value);
  const side = height !== undefined && height === width ? height : value;
  if (isSide(side)) return side;
  throw new UserError(`${where}: ${key}: wanted the side of a square in pixels, 1 to ${MOST_SIDE}, got ${show(value)}`);
}

/** A number, [height, width], {height, width} or {shortest_edge}. */
export function sizeOf(value: unknown, square: boolean, where: string): Size {
  const pair = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : undefined;
  const side = Array.isArray(value) && value.length === 1 ? (value as unknown[])[0] : value;
  const said = asObject(value);
  const [height, width] = pair ?? (square && isSide(side) ? [side, side] : [said.height, said.width]);
  const shortest = square ? said.shortest_edge : (said.shortest_edge ?? (typeof side === 'number' ? side : undefined));
  if (said.longest_edge == null) {
    if (shortest == null && isSide(height) && isSide(width)) return { height, width };
    if (height == null && width == null && isSide(shortest)) return { shortest };
  }
  throw new UserError(
    `${where}: size: wanted a side in pixels, {"height", "width"} or {"shortest_edge"}, 1 to ${MOST_SIDE}, got ${show(value)}`,
  );
}

/** Three numbers, or one for all channels, in the range of `MOST_NORMAL`; deviations are above 0. */
export function readTriple(key: string, value: unknown, where: string): Triple | undefined {
  if (value === undefined || value === null) return undefined;
  const deviation = key.includes('std');
  const three = typeof value === 'number' ? [value, value, value] : value;
  const least = deviation ? 1 / MOST_NORMAL : -MOST_NORMAL;
  const good = (part: unknown) => typeof part === 'number' && part >= least && part <= MOST_NORMAL;
  if (Array.isArray(three) && three.length === 3 && three.every(good)) return three as unknown as Triple;
  const range = deviation ? `above 0 (${least} to ${MOST_NORMAL})` : `from -${MOST_NORMAL} to ${MOST_NORMAL}`;
  throw new UserError(`${where}: ${key}: wanted three numbers ${range}, got ${show(value)}`);
}

/** Pillow's number, or the name, of the filter; bicubic is not written. */
export function readFilter(key: string, value: unknown, where: string): { readonly filter?: Filter } {
  const filter = FILTERS.find((name, number) => value === number || value === name);
  if (filter === undefined)
    throw new UserError(
      `${where}: ${key}: wanted a filter of Pillow's: ${FILTERS.map((name, number) => `${number} (${name})`).join(', ')}, got ${show(value)}`,
    );
  return filter === 'bicubic' ? {} : { filter };
}
