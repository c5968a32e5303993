import { valuesOf } from '../arguments.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';
import { trainingFlags } from '../trainingFlags.ts';

const { config, set, images, fraction, batch, seed } = trainingFlags;

export const advise = command({
  meta: {
    name: 'advise',
    description: 'Find out whether distilling is worth it on these images, with which method, by how much',
  },
  args: {
    data: {
      type: 'string',
      valueHint: 'DIR',
      required: true,
      description: 'Folder of images in class folders (data.dir)',
    },
    teacher: { type: 'string', valueHint: 'REF', required: true, description: `${REF_HELP} (teacher)` },
    student: {
      type: 'string',
      valueHint: 'NAME',
      required: true,
      description: 'A model of "understudy list models" (student.name)',
    },
    budget: {
      type: 'string',
      valueHint: 'TIME',
      required: true,
      description: 'Wall time of all of it, such as 30m or 2h',
    },
    methods: {
      type: 'string',
      valueHint: 'A,B',
      description: 'Methods to try, sums too (vitkd+nkd); default: all that apply',
    },
    gain: { type: 'string', valueHint: 'POINTS', default: '1', description: 'The least gain that is worth it to you' },
    out: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Folder of the runs and the answer; default: runs/<data>-<student>-advice',
    },
    ...{ config, set, images, fraction, batch, seed },
    json: jsonFlag,
  },
  repeatable: ['set'],
  notes: [
    `All methods that apply train for the same processor time (teacher included), a third goes on for three times as long, until one is
left. A fifth of the training images chooses, or half of the validation images where that is more than twice as many. The method, training alone, soft
distillation and, where the method changes the student, training alone with these layers then train on all training images with new
seeds, and the validation images that did not choose judge these runs.
The verdict: worth it, not worth it, or: these images cannot tell, and so many more would be needed.`,
    'Ctrl-C saves; the same command goes on. Writes advice.json, advice.txt and index.html; the runs are ordinary run folders.',
    refNotes,
  ],
  examples: [
    'understudy advise --data photos --teacher runs/teacher --student vit_tiny_patch4 --budget 2h',
    'understudy advise --data photos --teacher runs/teacher --student vit_tiny_patch4 --budget 20m --methods kd,dearkd --gain 0.5',
  ],
  run: async ({ args, rawArgs }) => {
    const { trainingInput } = await import('../trainingInput.ts');
    const { adviseCommand } = await import('../adviseProgress.ts');
    const { budget, methods, gain, out, json, ...rest } = args;
    const settings = await trainingInput({ ...rest, budget: undefined }, {}, valuesOf(advise, rawArgs, 'set'));
    const { data, teacher, student } = rest;
    return adviseCommand({ data, teacher, student, budget, methods, gain, out, settings }, json);
  },
});
