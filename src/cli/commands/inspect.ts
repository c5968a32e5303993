import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { geometryText } from '../../formats/preprocessing/geometry.ts';
import type { FeatureReport, Inspection } from '../../run/models/inspect.ts';
import { analyse, describeAnalysis } from '../analyseModels.ts';
import { command, jsonFlag, REF_HELP, foreignNotes } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';

export const inspect = command({
  meta: {
    name: 'inspect',
    description: 'Size, classes and features of a model and the methods that fit it; with --data what it has learned',
  },
  args: {
    ref: {
      type: 'positional',
      required: false,
      description: `${REF_HELP}; or a name of "understudy list models"; none with --augment`,
    },
    ref2: { type: 'positional', required: false, description: 'A second model to compare with, such as the teacher' },
    data: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Run the models on images of this folder and say what they have learned; labels are not needed',
    },
    images: { type: 'string', valueHint: 'N', description: 'So many of the images (default 200, at least 4)' },
    augment: {
      type: 'string',
      valueHint: 'PRESET',
      description: 'Show what training sees of the images of --data with a preset of "understudy list augmentations"',
    },
    out: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Folder of the pictures (default inspect-<name of the model>, with --augment inspect-augment)',
    },
    image: {
      type: 'string',
      valueHint: 'FILE',
      description: 'The image of the attention maps (default: the first one)',
    },
    ...describedFlags,
    json: jsonFlag,
  },
  notes: [
    'MACs are the multiply-accumulates of convolutions and matrix products for one image, counted from the graph.',
    'With --augment: augment-<preset>.png, some images in evaluation, in five epochs, and mixed, as the loader gives them.',
    `${describedNotes} They are of the first REF.`,
    'With --data, each model with its own preprocessing (of a folder with val/ these images):\n  attentionDistance.svg  sum over patches of attention x distance, mean over queries and images, in pixels, by block and head\n                         (arXiv 2010.11929, D.7); class tokens left out, the rest made to sum to 1\n  cka.svg                linear CKA (arXiv 1905.00414) between the layers, unbiased; patch tokens and maps averaged\n  attention-<n>.png      what the class token of the last block looks at in one image\n  analysis.json          all numbers, the biased CKA too; for two models agreement and KL(REF2 || REF)',
    foreignNotes,
  ],
  examples: [
    'understudy inspect runs/student',
    'understudy inspect --data photos --augment deit',
    'understudy inspect deit_tiny_patch16_224 --json',
    'understudy inspect runs/student runs/teacher --data photos --image cat.jpg',
  ],
  run: async ({ args }) => {
    const { print, printJson } = await import('../text.ts');
    if (args.augment !== undefined) {
      const { showAugment } = await import('../showAugment.ts');
      return showAugment({ ...args, augment: args.augment });
    }
    const { ref } = args;
    if (ref === undefined)
      throw new UserError(
        'missing REF; for example: understudy inspect runs/student\nAll flags: understudy inspect --help',
      );
    if (args.data !== undefined) {
      const found = await analyse({ ...args, ref, data: args.data });
      if (args.json) printJson(found);
      else print(await describeAnalysis(found));
      return;
    }
    const given = (['ref2', 'images', 'out', 'image'] as const).find((name) => args[name] !== undefined);
    if (given)
      throw new UserError(
        `understudy inspect: ${given === 'ref2' ? `a second model (${args.ref2})` : `--${given}`} needs images to run the models on; add --data DIR`,
      );
    const { inspectModel } = await import('../../run/models/inspect.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { describedBy } = await import('../described.ts');
    const found = await inspectModel(ref, { onModel: modelEvents(), described: describedBy(args) });
    if (args.json) printJson(found);
    else print(await describe(found));
  },
});

async function describe(found: Inspection): Promise<string> {
  const { bytes, quantity, table } = await import('../text.ts');
  const { preprocessing: pre, classes, config } = found;
  const settings = Object.entries(config).filter(([key]) => !['family', 'classes', 'maps'].includes(key));
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
      classes.length > 0
        ? `${classes.length}: ${listNames(classes, 12)}`
        : withoutNames(config.classes, found.onnx !== undefined),
    ],
    ...(pre
      ? [
          [
            'preprocessing',
            `${pre.geometry ? geometryText(pre, pre.filter ?? 'bicubic') : `${pre.imageSize} px${pre.filter ? `, ${pre.filter}` : ''}, crop ${pre.evalCropRatio}`}, mean ${pre.mean.join(' ')}, std ${pre.std.join(' ')}`,
          ],
        ]
      : []),
    ['as student', found.asStudent.join(', ') || 'no method'],
    ['as teacher', found.asTeacher.join(', ') || 'no method'],
  ]);
  const tapped = `${head}\n\nfeatures that methods can tap\n${table(found.features.flatMap(featureRows))}`;
  return found.onnx ? `${tapped}\n\n${describeStages(found.onnx, table)}` : tapped;
}

function featureRows({ name, count, shapes }: FeatureReport): string[][] {
  return Object.entries(shapes).map(([stage, shape]) => {
    const many =
      stage === '' && count > 1 ? `, one for each of ${count} ${name === 'normStats' ? 'BatchNorms' : 'blocks'}` : '';
    return [`  ${name}${stage === '' ? '' : `.${stage}`}`, `[${shape.join(', ')}]${many}`];
  });
}

const withoutNames = (classes: number, onnx: boolean): string => {
  if (classes === 0) return 'none: it has no classifier';
  return `${classes} (${onnx ? 'without names: --classes FILE' : "only a name: ImageNet's number"})`;
};

/** So many candidates of a stage are shown; --json has all. */
const SHOWN = 4;

function describeStages(
  { stages, notes }: NonNullable<Inspection['onnx']>,
  table: (rows: string[][]) => string,
): string {
  const rows = stages.flatMap(({ name, size, candidates }) => {
    const left = candidates.length - SHOWN;
    const more = left > 0 ? [[`  ${name}`, `${size} x ${size}`, `... ${left} before these`, '']] : [];
    return [
      ...more,
      ...candidates
        .slice(-SHOWN)
        .map((one) => [`  ${name}`, `${size} x ${size}`, one.name, `[${one.shape.join(', ')}]`]),
    ];
  });
  const how = 'The last of a stage is taken; another one: --set teacher.features.maps.STAGE=NAME';
  const list = rows.length > 0 ? [`values that can be maps, by stage\n${table(rows)}\n${how}`] : [];
  return [...list, ...notes.map((note) => `note: ${note}`)].join('\n');
}
