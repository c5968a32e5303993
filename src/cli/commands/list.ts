import { unknownName } from '../../graph/names.ts';
import type { Recipe } from '../../config/recipes/index.ts';
import type { AugmentationListing, MethodListing, ModelListing } from '../../run/listings.ts';
import { command, jsonFlag } from '../command.ts';

const KINDS = ['models', 'methods', 'recipes', 'augmentations'] as const;

export const list = command({
  meta: { name: 'list', description: `What there is: ${KINDS.join(', ')}` },
  args: {
    what: { type: 'positional', required: true, description: KINDS.join(', ') },
    json: jsonFlag,
  },
  notes: [
    'models: parameters and MACs with 1000 classes, and the source of the numbers. methods: with all settings and defaults.\nrecipes: published experiments for --config, with what this version does not apply of them.',
  ],
  examples: ['understudy list models', 'understudy list methods --json', 'understudy list recipes'],
  run: async ({ args }) => {
    const kind = KINDS.find((name) => name === args.what);
    if (!kind) throw unknownName('list', args.what, KINDS);
    const listings = await import('../../run/listings.ts');
    const { print, printJson } = await import('../text.ts');
    if (kind === 'models') args.json ? printJson(listings.listModels()) : print(await models(listings.listModels()));
    if (kind === 'methods')
      args.json ? printJson(listings.listMethods()) : print(await methods(listings.listMethods()));
    if (kind === 'recipes') {
      const { RECIPES } = await import('../../config/recipes/index.ts');
      args.json ? printJson(Object.values(RECIPES)) : print(await recipes(Object.values(RECIPES)));
    }
    if (kind === 'augmentations')
      args.json ? printJson(listings.listAugmentations()) : print(await augmentations(listings.listAugmentations()));
  },
});

async function models(found: readonly ModelListing[]): Promise<string> {
  const { quantity, table } = await import('../text.ts');
  const rows = found.map((m) => [m.name, `${m.imageSize} px`, quantity(m.parameters), quantity(m.macs), m.source]);
  return table([['model', 'input', 'parameters', 'MACs', 'source'], ...rows]);
}

async function methods(found: readonly MethodListing[]): Promise<string> {
  const { table } = await import('../text.ts');
  const parts = found.map(({ name, summary, settings }) => {
    const rows = settings.map((setting) => [
      `  ${name}.${setting.key}`,
      JSON.stringify(setting.default),
      setting.wanted,
    ]);
    return `${name}: ${summary}\n${table(rows)}`;
  });
  return parts.join('\n\n');
}

async function recipes(found: readonly Recipe[]): Promise<string> {
  const { table } = await import('../text.ts');
  const parts = found.map(({ name, source, command, published, teacher, notApplied }) => {
    const rows = [
      ['  source', source],
      ['  published', `${published} (ImageNet-1k top-1, %)`],
      ...(teacher === null ? [] : [['  teacher', teacher]]),
      ['  not applied', notApplied.join(', ')],
      ['  command', command],
    ];
    return `${name}\n${table(rows)}`;
  });
  return parts.join('\n\n');
}

async function augmentations(found: readonly AugmentationListing[]): Promise<string> {
  const { table } = await import('../text.ts');
  const rows = found.map((one) => [`augment.${one.key}`, JSON.stringify(one.default), one.wanted, one.meaning]);
  return table([['setting', 'default', 'allowed', 'meaning'], ...rows]);
}
