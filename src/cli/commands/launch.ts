import { valuesWithoutFlag, wholeNumber } from '../arguments.ts';
import { command } from '../command.ts';

export const launchCommand = command({
  meta: {
    name: 'launch',
    description: 'Train on several processes, on this machine or on several, with the same bits',
  },
  args: {
    ranks: { type: 'string', required: true, valueHint: 'N', description: 'Processes that train together' },
    hosts: { type: 'string', valueHint: 'A,B', description: 'Machines that ssh reaches; default: this one' },
    'max-restarts': {
      type: 'string',
      valueHint: 'K',
      default: '0',
      description: 'Start again so often from the last checkpoint where a rank is lost or late',
    },
    late: { type: 'string', valueHint: 'SECONDS', description: 'After so long a late rank is named; default: 60' },
    limit: { type: 'string', valueHint: 'SECONDS', description: 'After so long it ends the job; default: 600' },
    mpirun: { type: 'string', valueHint: 'FILE', default: 'mpirun', description: 'The launcher of Open MPI or MPICH' },
    command: { type: 'positional', description: 'After --: distill or train with their flags', required: true },
  },
  variadic: true,
  notes: [
    'An update has a fixed number of micro-batches (train.accumulate), which the ranks share out: any number of ranks up to it gives\nthe same weights. See docs/cluster.md.',
    'Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint first.',
  ],
  examples: [
    'understudy launch --ranks 2 -- distill --data photos --teacher runs/teacher --student vit_tiny_patch4 --method kd --set train.accumulate=2 --out runs/student',
    'understudy launch --ranks 8 --hosts a,b --max-restarts 3 -- distill --config run.yaml --out runs/student',
    'understudy launch --ranks 4 -- distill --resume --out runs/student',
  ],
  run: async ({ args, rawArgs }) => {
    const { launchTraining } = await import('../launchTraining.ts');
    return launchTraining({
      ranks: wholeNumber('ranks', args.ranks, 1),
      hosts: (args.hosts ?? '').split(',').filter(Boolean),
      restarts: wholeNumber('max-restarts', args['max-restarts'], 0),
      late: args.late,
      limit: args.limit,
      mpirun: args.mpirun,
      command: valuesWithoutFlag(launchCommand, rawArgs),
    });
  },
});
