import { valuesOf } from '../arguments.ts';
import { command, REF_HELP, refNotes } from '../command.ts';
import { trainingFlags, trainingNotes } from '../trainingFlags.ts';

export const train = command({
  meta: { name: 'train', description: 'Train a model on labels alone: a teacher, a baseline, or another one further' },
  args: {
    data: { type: 'string', valueHint: 'DIR', description: 'Folder of images in class folders (data.dir)' },
    model: {
      type: 'string',
      valueHint: 'NAME',
      description:
        'A model of "understudy list models", or an .onnx file of your own: its graph and its weights (student.name)',
    },
    init: {
      type: 'string',
      valueHint: 'REF',
      description: `Start from the weights of a model; a new head where the classes differ, trained alone first (student.init, train.linearProbe). ${REF_HELP}`,
    },
    ...trainingFlags,
  },
  repeatable: ['set'],
  notes: [...trainingNotes, refNotes],
  examples: [
    'understudy train --data photos --model resnet18 --out runs/teacher',
    'understudy train --data flowers --init runs/teacher --epochs 10 --set optim.lr=1e-4',
    'understudy train --data flowers --init runs/teacher --set train.linearProbe=1',
    'understudy train --data flowers --model mine.onnx --epochs 10',
    'understudy train --resume --out runs/teacher',
  ],
  run: async ({ args, rawArgs }) => {
    const { deviceNamed, trainingInput } = await import('../trainingInput.ts');
    const named = { 'data.dir': args.data, 'student.name': args.model, 'student.init': args.init };
    const device = deviceNamed(args.device);
    const input = await trainingInput(args, named, valuesOf(train, rawArgs, 'set'));
    const { runTraining } = await import('../runTraining.ts');
    return runTraining({ kind: 'train', input, out: args.out, resume: args.resume, json: args.json, device });
  },
});
