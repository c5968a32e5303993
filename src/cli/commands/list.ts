import { unknownName } from '../../graph/names.ts';
import type { Recipe } from '../../config/recipes/index.ts';
import type { AugmentationListing, DefaultListing, MethodListing, ModelListing } from '../../run/models/listings.ts';
import { command, jsonFlag } from '../command.ts';

const KINDS = ['models', 'methods', 'recipes', 'augmentations', 'defaults'] as const;

export const list = command({
  meta: { name: 'list', description: `What there is: ${KINDS.join(', ')}` },
  args: {
    what: { type: 'positional', required: true, description: KINDS.join(', ') },
    json: jsonFlag,
  },
  notes: [
    'models: parameters and MACs with 1000 classes, and the source of the numbers. methods: with all settings and defaults.\nrecipes: published experiments for --config, with what is our choice and not the code of their authors.\naugmentations: the keys of the section augment and what each preset sets. defaults: the table behind every "auto".',
  ],
  examples: ['understudy list models', 'understudy list methods --json', 'understudy list recipes'],
  run: async ({ args }) => {
    const kind = KINDS.find((name) => name === args.what);
    if (!kind) throw unknownName('list', args.what, KINDS);
    const listings = await import('../../run/models/listings.ts');
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
    if (kind === 'defaults')
      args.json ? printJson(listings.listDefaults()) : print(await defaults(listings.listDefaults()));
  },
});

/** Families that no name here stands for. */
const READ =
  'Trained models of others are read besides, encoders without classes too (DINOv2, DINOv3, CLIP,\nSigLIP, any ONNX image encoder): understudy inspect REF';

async function models(found: readonly ModelListing[]): Promise<string> {
  const { quantity, table } = await import('../text.ts');
  const sources = [...new Set(found.map(({ source }) => source))];
  const numberOf = ({ source }: ModelListing) => String(sources.indexOf(source) + 1);
  const rows = found.map((m) => [m.name, `${m.imageSize} px`, quantity(m.parameters), quantity(m.macs), numberOf(m)]);
  const listed = table(sources.map((source, i) => [`  ${i + 1}`, source]));
  return `${table([['model', 'input', 'parameters', 'MACs', 'source'], ...rows])}\n\nsources\n${listed}\n\n${READ}`;
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
      ...notApplied.map((text, i) => [i === 0 ? '  Our choice:' : '', text]),
      ['  command', command],
    ];
    return `${name}\n${table(rows)}`;
  });
  return parts.join('\n\n');
}

async function augmentations(found: readonly AugmentationListing[]): Promise<string> {
  const { table } = await import('../text.ts');
  const { AUGMENT_PRESETS } = await import('../../config/augmentPresets.ts');
  const names = Object.keys(AUGMENT_PRESETS);
  const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const [head, ...rows] = table([
    ['setting', 'default', 'allowed'],
    ...found.map((one) => [`augment.${one.key}`, shown(one.default), one.wanted]),
  ]).split('\n');
  // The meaning below its row: as a column of its own it would be too narrow.
  const told = rows.map((row, i) => `${row}\n  ${found[i]!.meaning}`);
  const held = found.flatMap(({ key, presets }) =>
    presets ? [[key, ...names.map((name) => shown(presets[name]))]] : [],
  );
  const sources = Object.entries(AUGMENT_PRESETS).map(([name, { source }]) => [name, source]);
  return [
    [head, ...told].join('\n'),
    `What "auto" is in each preset (augment.preset=NAME); where it is auto there too, see: understudy list defaults\n${table([['setting', ...names], ...held])}`,
    `See them on your images: understudy inspect --data DIR --augment NAME\n${table(sources)}`,
  ].join('\n\n');
}

async function defaults(found: readonly DefaultListing[]): Promise<string> {
  const { table } = await import('../text.ts');
  const rows = found.flatMap(({ key, rules }) =>
    rules.map(({ when, value }, i) => [i === 0 ? key : '', when === 'always' ? value : `${when}: ${value}`]),
  );
  return table([['setting', 'when: value'], ...rows]);
}
