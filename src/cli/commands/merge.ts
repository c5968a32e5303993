import { valuesWithoutFlag } from '../arguments.ts';
import { command, jsonFlag } from '../command.ts';

export const merge = command({
  meta: { name: 'merge', description: 'Make one folder of the parts that --shard made' },
  args: {
    parts: { type: 'positional', required: true, description: 'The folders of all parts' },
    out: {
      type: 'string',
      valueHint: 'DIR',
      required: true,
      description: 'A new folder; of teacher outputs any store',
    },
    json: jsonFlag,
  },
  variadic: true,
  notes: [
    'Of study: the tables are written from all runs. Of synthesize: the same command without --shard, with --out DIR, then measures the\nset. Of store --fill: DIR is a store (teacher.store.dir). A part or a unit that is missing or there twice is named, and nothing\nis written.',
  ],
  examples: ['understudy merge part1 part2 part3 --out whole'],
  run: async ({ args, rawArgs }) => {
    const { mergeParts } = await import('../../study/mergeParts.ts');
    const { print, printJson } = await import('../text.ts');
    const merged = await mergeParts(valuesWithoutFlag(merge, rawArgs), args.out);
    if (args.json) printJson(merged);
    else print(`${merged.parts} parts of ${merged.kind} in ${merged.out}: ${merged.merged} ${WHAT[merged.kind]}`);
  },
});

const WHAT = { study: 'runs', images: 'images', 'teacher outputs': 'files' } as const;
