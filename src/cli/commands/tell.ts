import { UserError } from '../../graph/errors.ts';
import { command, jsonFlag } from '../command.ts';

export const tell = command({
  meta: { name: 'tell', description: 'Ask a run that goes on to save, to finish early or to stop' },
  args: {
    run: { type: 'positional', required: true, description: 'The folder of the run' },
    what: {
      type: 'positional',
      required: true,
      description: 'save: a checkpoint now; finish: evaluate now and be done; stop: save and end, to be gone on with',
    },
    json: jsonFlag,
  },
  notes: [
    'The run may be of another terminal, of the studio, or of another machine that has the folder in common: the wish is a file in\nits folder, at which it looks after each step. The command waits until it has been done.',
    'finish leaves what a run leaves at its end, report.html and model/ among it, as an early stop does (train.earlyStop); stop is\nwhat Ctrl-C does.',
  ],
  examples: ['understudy tell runs/student save', 'understudy tell runs/student finish'],
  run: async ({ args }) => {
    const { WISHES } = await import('../../host/wish.ts');
    const { tellRun } = await import('../../run/training/tellRunNode.ts');
    const { print, printJson } = await import('../text.ts');
    const wish = WISHES.find((one) => one === args.what);
    if (!wish) throw new UserError(`tell: wanted one of ${WISHES.join(', ')}, got "${args.what}"`);
    const told = await tellRun(args.run, wish);
    if (args.json) printJson(told);
    else print(`${told.running ? 'Saved' : 'Ended'} after step ${told.step ?? 0}: ${args.run}`);
  },
});
