import { existsSync } from 'node:fs';
import { didYouMean, unknownName } from '../graph/names.ts';
import { type Recipe, RECIPES } from '../config/recipes/index.ts';
import { UserError } from '../graph/errors.ts';
import { checkFile } from '../run/training/prepare/checks.ts';
import { readConfigFile } from '../run/plan/configFileNode.ts';
import { remark } from './text.ts';

const PREFIX = 'recipe:';

/**
 * What `--config` names: a file, else a recipe; `recipe:NAME` is a recipe in any case. Of a recipe, what is not the paper's is
 * told on stderr.
 */
export async function readConfigSource(given: string): Promise<Record<string, unknown>> {
  const name = given.startsWith(PREFIX) ? given.slice(PREFIX.length) : given;
  const names = Object.keys(RECIPES);
  if (name === given && existsSync(given)) {
    const settings = await readConfigFile(given);
    checkFile(settings, given);
    return settings;
  }
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (recipe) {
    remark(introduction(recipe));
    // A copy, because flags are written into it.
    return structuredClone(recipe.config) as Record<string, unknown>;
  }
  if (name !== given) throw unknownName('recipe', name, names);
  throw new UserError(
    `${given}: no such file; wanted a configuration file in YAML, or a recipe of "understudy list recipes".${didYouMean(name, names)}`,
  );
}

function introduction({ name, source, published, teacher, notApplied }: Recipe): string {
  return [
    `recipe ${name}: ${source}`,
    `  published ImageNet-1k top-1: ${published}`,
    ...(teacher === null ? [] : [`  teacher: ${teacher}`]),
    ...(notApplied.length === 0 ? [] : [`  Our choice, not the authors' code: ${notApplied.join('; ')}`]),
  ].join('\n');
}
