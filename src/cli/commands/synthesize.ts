import { naming } from '../../graph/errors.ts';
import { splitNames } from '../../graph/names.ts';
import { valuesOf, wholeNumber } from '../arguments.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';
import { shardFlag, shardOf } from '../shard.ts';

export const synthesizeCommand = command({
  meta: { name: 'synthesize', description: 'Make images from a teacher alone, to distil it without its data' },
  args: {
    teacher: {
      type: 'string',
      valueHint: 'REF',
      required: true,
      description: `A trained CNN with BatchNorm. ${REF_HELP}`,
    },
    out: {
      type: 'string',
      valueHint: 'DIR',
      required: true,
      description: 'Folder of the set: DIR/train/<class>/*.png',
    },
    images: { type: 'string', valueHint: 'N', required: true, description: 'Images in all, each class as many' },
    classes: {
      type: 'string',
      valueHint: 'A,B,...',
      description: "Classes to make images of, in quotes where a name has commas; default: all of the teacher's",
    },
    'per-batch': {
      type: 'string',
      valueHint: 'KxM',
      description: 'A batch: K classes x M images (classesPerBatch, imagesPerClass)',
    },
    preset: {
      type: 'string',
      valueHint: 'small|cifar10|imagenet',
      default: 'small',
      description:
        'Settings to start from: small for 28 to 64 px; cifar10 and imagenet (224, two sizes) as the authors of DeepInversion, but for the make-up of a batch',
    },
    student: {
      type: 'string',
      valueHint: 'REF',
      description: 'A trained student that the images are to be hard for (adi)',
    },
    verifier: {
      type: 'string',
      valueHint: 'REF',
      description: 'Another trained model, whose accuracy on the images is told',
    },
    seed: { type: 'string', valueHint: 'N', description: 'seed; default: 0' },
    set: {
      type: 'string',
      valueHint: 'key=value',
      description: 'One setting (feature=5); may be given again; wins over all',
    },
    shard: shardFlag,
    json: jsonFlag,
  },
  repeatable: ['set'],
  notes: [
    `SETTINGS
  size grey                                  side in px ("auto" is the teacher's), grey images
  lowIterations iterations                   iterations on the images shrunk to half, and then at their size
  lr betas epsilon schedule warmup clip      Adam on the pixels: cosine or constant, warm-up iterations; clip=true keeps pixels in range
  jitter flip                                largest shift in px, probability of a mirror (0 for digits and text)
  ce feature firstNorm tv1 tv2 l2            weights: teacher's label, BatchNorm statistics (the first besides), smoothness, length
  adi                                        weight of the disagreement with --student
  bpid bpidVariant bpidMargin                boundary-preserving intra-divergence: fill or expand
  classesPerBatch imagesPerClass seed previewEvery threads
  teacher.classes mean std imageSize         what an .onnx or .safetensors teacher does not say (teacher.mean=[0.5, 0.5, 0.5], ...)`,
    'The same command goes on with a set that was interrupted, and several processes with the same command share the work:\neach batch has a seed of its own. The images are the same, byte for byte, whoever makes them.',
    'Besides the images: manifest.json (teacher, settings, seeds, loss and confidence of each image), quality.json,\ncontactSheet-1.png, and preview.png while it runs; `understudy studio` shows it.',
    refNotes,
  ],
  examples: [
    'understudy synthesize --teacher runs/teacher --out images --images 2000 --set flip=0',
    'understudy synthesize --teacher runs/teacher --out images --images 2000 --set bpid=1 --verifier runs/other',
    'understudy distill --data images --teacher runs/teacher --student vit_tiny_patch4 --method dearkd',
  ],
  run: async ({ args, rawArgs }) => {
    const shard = shardOf(args.shard, process.env);
    const { synthesisInput, teacherSets } = await import('../synthesisInput.ts');
    const { described, rest } = teacherSets(valuesOf(synthesizeCommand, rawArgs, 'set'));
    const settings = synthesisInput(args.preset, [...batchSets(args['per-batch']), ...seedSets(args.seed), ...rest]);
    const { runSynthesis } = await import('../runSynthesis.ts');
    return runSynthesis(
      {
        teacher: args.teacher,
        described,
        out: args.out,
        images: wholeNumber('images', args.images, 1),
        settings,
        ...(shard && { shard }),
        ...(args.classes === undefined ? {} : { classes: naming('--classes', () => splitNames(args.classes!)) }),
        ...(args.student === undefined ? {} : { student: args.student }),
        ...(args.verifier === undefined ? {} : { verifier: args.verifier }),
      },
      args.json,
    );
  },
});

const seedSets = (seed: string | undefined): string[] =>
  seed === undefined ? [] : [`seed=${wholeNumber('seed', seed, Number.MIN_SAFE_INTEGER)}`];

function batchSets(text: string | undefined): string[] {
  if (text === undefined) return [];
  const [classes = '', images = ''] = text.split('x');
  return [
    `classesPerBatch=${wholeNumber('per-batch', classes, 1)}`,
    `imagesPerClass=${wholeNumber('per-batch', images, 1)}`,
  ];
}
