import { valuesWithoutFlag } from '../arguments.ts';
import { command, jsonFlag } from '../command.ts';

export const report = command({
  meta: { name: 'report', description: 'Show a run as one HTML page, or compare several' },
  args: {
    run: { type: 'positional', required: true, description: 'A run folder; more may follow' },
    out: {
      type: 'string',
      valueHint: 'FILE',
      description: 'File of the page (default: report.html in the run folder, for several runs in the present folder)',
    },
    json: jsonFlag,
  },
  variadic: true,
  notes: [
    'The page is one file that loads nothing: curves, confusion matrix, accuracy by class, calibration, teacher against\nstudent, the images on which they differ most, cost, settings and hashes. Each run writes its own at its end.\nThe speed of the exported student is measured anew.',
  ],
  examples: [
    'understudy report runs/student',
    'understudy report runs/alone runs/kd runs/dearkd --out compared.html',
    'understudy report runs/student --json',
  ],
  run: async ({ args, rawArgs }) => {
    const { writeReport } = await import('../../report/writeReportNode.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { print, printJson } = await import('../text.ts');
    const written = await whileRunning((onStart) =>
      writeReport(valuesWithoutFlag(report, rawArgs), {
        onStart,
        ...(args.out === undefined ? {} : { out: args.out }),
      }),
    );
    if (args.json) printJson(written);
    else print(written.out);
  },
});
