import type { FeatureReport, Inspection } from '../../run/inspectModel.ts';
import { command, jsonFlag } from '../command.ts';

export const inspect = command({
  meta: { name: 'inspect', description: 'Size, classes and features of a model, and the methods that fit it' },
  args: {
    ref: {
      type: 'positional',
      required: true,
      description: 'A run folder, an exported folder, a checkpoint folder, or a name of "understudy list models"',
    },
    json: jsonFlag,
  },
  notes: [
    'MACs are the multiply-accumulates of convolutions and matrix products for one image, counted from the graph.',
  ],
  examples: ['understudy inspect runs/student', 'understudy inspect deit_tiny_patch16_224 --json'],
  run: async ({ args }) => {
    const { inspectModel } = await import('../../run/inspectModel.ts');
    const { print, printJson } = await import('../text.ts');
    const found = await inspectModel(args.ref);
    if (args.json) printJson(found);
    else print(await describe(found));
  },
});

async function describe(found: Inspection): Promise<string> {
  const { bytes, quantity, table } = await import('../text.ts');
  const { preprocessing: pre, classes, config } = found;
  const settings = Object.entries(config).filter(([key]) => key !== 'family' && key !== 'classes');
  const head = table([
    ['model', found.model],
    ['family', found.family],
    ['settings', settings.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')],
    ['parameters', `${quantity(found.parameters)} (${found.parameters})`],
    ['MACs', `${quantity(found.macs)} (${found.macs})`],
    [
      'on disk',
      found.bytesOnDisk === null
        ? `no weights; about ${bytes(4 * found.parameters)} as float32`
        : bytes(found.bytesOnDisk),
    ],
    [
      'classes',
      classes.length > 0 ? `${classes.length}: ${few(classes)}` : `${config.classes} (only a name: ImageNet's number)`,
    ],
    ...(pre
      ? [
          [
            'preprocessing',
            `${pre.imageSize} px, crop ${pre.evalCropRatio}, mean ${pre.mean.join(' ')}, std ${pre.std.join(' ')}`,
          ],
        ]
      : []),
    ['as student', found.asStudent.join(', ') || 'no method'],
    ['as teacher', found.asTeacher.join(', ') || 'no method'],
  ]);
  return `${head}\n\nfeatures that methods can tap\n${table(found.features.flatMap(featureRows))}`;
}

function featureRows({ name, count, shapes }: FeatureReport): string[][] {
  return Object.entries(shapes).map(([stage, shape]) => {
    const many = stage === '' && count > 1 ? `, one for each of ${count} blocks` : '';
    return [`  ${name}${stage === '' ? '' : `.${stage}`}`, `[${shape.join(', ')}]${many}`];
  });
}

function few(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, ...` : names.join(', ');
}
