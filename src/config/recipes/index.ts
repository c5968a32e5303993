import { CSKD } from './cskd.ts';
import { DEARKD } from './dearkd.ts';
import { DEIT } from './deit.ts';
import { DEIT3 } from './deit3.ts';
import type { Recipe } from './recipe.ts';
import { VITKD } from './vitkd.ts';
import { VKD } from './vkd.ts';
import { WIDELAST } from './widelast.ts';

export type { Recipe, RecipeConfig } from './recipe.ts';

/** The papers' own experiments by name. */
export const RECIPES: Readonly<Record<string, Recipe>> = Object.fromEntries(
  [...DEIT, ...DEIT3, ...DEARKD, ...VITKD, ...VKD, ...WIDELAST, ...CSKD].map((recipe) => [recipe.name, recipe]),
);
