import { UserError } from '../../graph/errors.ts';
import { valuesOf } from '../arguments.ts';
import { command, REF_HELP, refNotes } from '../command.ts';
import { trainingFlags, trainingNotes } from '../trainingFlags.ts';

/** Flags that would be passed over in silence without --data-free. */
const DATA_FREE_ONLY = ['preset', 'images-dir', 'adi-rounds'];

export const distill = command({
  meta: { name: 'distill', description: 'Train a small student from a big teacher' },
  args: {
    data: { type: 'string', valueHint: 'DIR', description: 'Folder of images (data.dir)' },
    teacher: {
      type: 'string',
      valueHint: 'REF',
      description: `${REF_HELP} (teacher); uskd and supervised need none`,
    },
    student: {
      type: 'string',
      valueHint: 'NAME',
      description:
        'A model of "understudy list models", or an .onnx file of your own: its graph and its weights (student.name)',
    },
    method: { type: 'string', valueHint: 'NAME', description: 'A method of "understudy list methods" (method)' },
    ...trainingFlags,
    'data-free': {
      type: 'boolean',
      default: false,
      description:
        'Make --images N images from the teacher alone and distil on them; --data is then for reporting only',
    },
    preset: {
      type: 'string',
      valueHint: 'small|cifar10|imagenet',
      default: 'small',
      description: 'With --data-free: settings of the synthesis to start from (see understudy synthesize --help)',
    },
    'images-dir': {
      type: 'string',
      valueHint: 'DIR',
      description: 'With --data-free: folder of the images; default: one in runs/images that the same images share',
    },
    'adi-rounds': {
      type: 'string',
      valueHint: 'N',
      default: '1',
      description: 'With --data-free: make the images in N parts, each after the first against the student so far',
    },
  },
  repeatable: ['set'],
  notes: [
    ...trainingNotes,
    'With --data-free the method is dearkd unless --method says another, --set synthesis.KEY=VALUE sets the synthesis, and the\nsame command goes on with what was interrupted.',
    refNotes,
  ],
  examples: [
    'understudy distill --data photos --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd --out runs/student',
    'understudy distill --data photos --teacher runs/teacher --student vit_tiny_patch4 --method kd --epochs 20 --set kd.tau=4',
    'understudy distill --data photos --teacher hf:org/name --student deit_tiny_patch16_224 --method kd',
    'understudy distill --resume --out runs/student',
    'understudy distill --data-free --teacher runs/teacher --student vit_tiny_patch4 --images 2000 --out runs/student',
  ],
  run: async ({ args, rawArgs }) => {
    if (args['data-free']) {
      const { withoutData } = await import('../dataFreeInput.ts');
      return withoutData(args, valuesOf(distill, rawArgs, 'set'), distill.examples.at(-1)!);
    }
    const stray = DATA_FREE_ONLY.find((flag) =>
      rawArgs.some((arg) => arg === `--${flag}` || arg.startsWith(`--${flag}=`)),
    );
    if (stray) throw new UserError(`--${stray}: wanted with --data-free only; add --data-free, or leave it out`);
    const { deviceNamed, trainingInput } = await import('../trainingInput.ts');
    const named = { 'data.dir': args.data, teacher: args.teacher, 'student.name': args.student, method: args.method };
    const device = deviceNamed(args.device);
    const input = await trainingInput(args, named, valuesOf(distill, rawArgs, 'set'));
    const { runTraining } = await import('../runTraining.ts');
    return runTraining({ kind: 'distill', input, out: args.out, resume: args.resume, json: args.json, device });
  },
});
