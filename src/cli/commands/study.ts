import { command, jsonFlag } from '../command.ts';
import { shardFlag, shardOf } from '../shard.ts';

export const study = command({
  meta: { name: 'study', description: 'Make a set of runs over methods, data and seeds, and a table of them' },
  args: {
    file: { type: 'positional', required: true, description: 'The study in YAML' },
    out: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Folder of the study; default: out of the file, else runs/<name>',
    },
    'dry-run': { type: 'boolean', default: false, description: 'Check all runs and list them, and make none' },
    shard: shardFlag,
    json: jsonFlag,
  },
  notes: [
    `The file: name; base (settings of all runs, as in --config); teachers (name: settings), made once, $name below; axes, whose
product are the runs: a dotted key with plain values (train.seed: [0, 1, 2]) or a name with a list of {label, set: {...}};
baseline (a label that the others are compared with); optional out, metric, prepare (mnist, emoji, fashion, ...: obtains the images).
A value may have expect: above|below, where a paper expects it against the baseline; the table says whether it was found there.

  name: methods
  base: {data: {dir: photos}, student: {name: vit_pico_patch4}, train: {epochs: 20}}
  teachers: {cnn: {student: {name: resnet18_small}}}
  axes:
    method:
      - {label: alone, set: {method: supervised}}
      - {label: kd, set: {method: kd, teacher: $cnn, methods.kd.tau: 4}}
    data.fraction: [0.1, 0.25]
    train.seed: [0, 1, 2]
  baseline: alone`,
    'Writes results.csv, results.json and index.html after each run. Ctrl-C saves; the same command goes on: finished runs are\nskipped, failed ones are tried again. Exit status 1 if a run failed.',
    'Any number of processes with the same command, on one machine or on many that share the folder, share the runs; one that dies is\nreplaced.',
  ],
  examples: ['understudy study studies/mnistMethods.yaml', 'understudy study study.yaml --out runs/mine --json'],
  run: async ({ args }) => {
    const { studyCommand, dryRun } = await import('../studyProgress.ts');
    if (args['dry-run']) return dryRun(args.file, args.json);
    return studyCommand(args.file, { out: args.out, json: args.json, shard: shardOf(args.shard, process.env) });
  },
});
