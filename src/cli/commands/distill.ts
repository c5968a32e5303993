import { valuesOf } from '../arguments.ts';
import { command } from '../command.ts';
import { trainingFlags, trainingNotes } from '../trainingFlags.ts';

export const distill = command({
  meta: { name: 'distill', description: 'Train a small student from a big teacher' },
  args: {
    data: { type: 'string', valueHint: 'DIR', description: 'Folder of images (data.dir)' },
    teacher: {
      type: 'string',
      valueHint: 'REF',
      description: 'A trained model: a run folder, an exported folder or an .onnx file (teacher.ref)',
    },
    student: { type: 'string', valueHint: 'NAME', description: 'A model of "understudy list models" (student.name)' },
    method: { type: 'string', valueHint: 'NAME', description: 'A method of "understudy list methods" (method)' },
    ...trainingFlags,
  },
  repeatable: ['set'],
  notes: trainingNotes,
  examples: [
    'understudy distill --data photos --teacher runs/teacher --student deit_tiny_patch16_224 --method dearkd --out runs/student',
    'understudy distill --data photos --teacher runs/teacher --student vit_tiny_patch4 --method kd --epochs 20 --set kd.tau=4',
    'understudy distill --resume --out runs/student',
  ],
  run: async ({ args, rawArgs }) => {
    const { deviceNamed, trainingInput } = await import('../trainingInput.ts');
    const named = { 'data.dir': args.data, teacher: args.teacher, 'student.name': args.student, method: args.method };
    const device = deviceNamed(args.device);
    const input = await trainingInput(args, named, valuesOf(distill, rawArgs, 'set'));
    const { runTraining } = await import('../runTraining.ts');
    return runTraining({ kind: 'distill', input, out: args.out, resume: args.resume, json: args.json, device });
  },
});
