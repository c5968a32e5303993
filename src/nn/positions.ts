import type { Tensor } from '../graph/tensor.ts';
import { concat, slice } from '../ops/movement.ts';
import type { Grid } from './mhca.ts';
import { resizeTokens } from './resizeTokens.ts';
import { type Init, type Scope, TRUNCATED_02 } from './scope.ts';

export interface PositionsOptions {
  /** The grid that the embeddings are of. */
  readonly own: Grid;
  /** The grid that is looked at. */
  readonly grid: Grid;
  /** Tokens before the patches that have a position. */
  readonly lead: number;
  readonly width: number;
  readonly start: 'random' | 'sincos';
}

/** The position embeddings, [1, patches (and tokens before them), D]; on another grid than the model's they are resized. */
export function positions(s: Scope, { own, grid, lead, width, start }: PositionsOptions): Tensor {
  const Np = own.rows * own.columns;
  const init: Init = start === 'sincos' ? { kind: 'values', values: sincos(own, lead, width) } : TRUNCATED_02;
  const position = s.param('pos_embed', [1, Np + lead, width], init, false);
  if (own.rows === grid.rows && own.columns === grid.columns) return position;
  const resized = resizeTokens(slice(position, 1, lead, lead + Np), own, grid);
  return lead === 0 ? resized : concat([slice(position, 1, 0, lead), resized], 1);
}

/**
 * Of each patch, row by row, the sines and cosines of its column, then those of its row, a quarter of the width each, with periods from
 * 2 pi to 10,000 times that; zeros for the tokens before the patches, and where a width is no multiple of four for what is left of it.
 */
function sincos({ rows, columns }: Grid, lead: number, width: number): number[] {
  const quarter = Math.floor(width / 4);
  const waves = Array.from({ length: quarter }, (_, k) => 10_000 ** (-k / quarter));
  const turns = (at: number) => [
    ...waves.map((wave) => Math.sin(at * wave)),
    ...waves.map((wave) => Math.cos(at * wave)),
  ];
  const left = Array.from({ length: width - 4 * quarter }, () => 0);
  const patches = Array.from({ length: rows * columns }, (_, i) => [
    ...turns(i % columns),
    ...turns(Math.floor(i / columns)),
    ...left,
  ]);
  return [...Array.from({ length: lead * width }, () => 0), ...patches.flat()];
}
