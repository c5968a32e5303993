import type { EvaluationReport } from '../../run/evaluation/judge.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';

/** Classes that are shown, worst first. */
const SHOWN = 10;

export const evaluate = command({
  meta: { name: 'eval', description: 'Measure a trained model on a folder of images' },
  args: {
    ref: { type: 'positional', required: true, description: REF_HELP },
    data: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Folder of images in class folders; classes are matched by name; default: the data of the run',
    },
    ...describedFlags,
    json: jsonFlag,
  },
  notes: [
    'A CSV with several classes an image (multilabel): mAP, and F1 at a probability of 0.5.',
    'Of a folder with val/ (or valid, validation, test) these images are taken, else all; a run on its own data takes the\nvalidation images that its seed chose. Files that cannot be read are skipped and named.',
    refNotes,
    describedNotes,
  ],
  examples: [
    'understudy eval runs/student',
    'understudy eval runs/student --data other-photos',
    'understudy eval my-model --data photos --json',
  ],
  run: async ({ args }) => {
    const { evaluateModel } = await import('../../run/evaluation/evaluate.ts');
    const { listingEvents } = await import('../listingEvents.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { describedBy } = await import('../described.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { overwrite, printJson, print, remark } = await import('../text.ts');
    const report = await whileRunning((start) =>
      evaluateModel(args.ref, {
        ...(args.data === undefined ? {} : { data: args.data }),
        onModel: modelEvents(),
        onListing: listingEvents(),
        described: describedBy(args),
        onStart: ({ part, notes }) => {
          start();
          for (const note of notes) remark(`note: ${note}`);
          remark(`evaluating on ${part}`);
        },
        onProgress: (images) => overwrite(`${images} images`),
      }),
    );
    if (process.stderr.isTTY) remark('');
    for (const { path, reason } of report.skipped) remark(`skipped ${path}: ${reason}`);
    if (args.json) printJson(report);
    else print(await describe(report));
  },
});

async function describe(report: EvaluationReport): Promise<string> {
  const { percent, table } = await import('../text.ts');
  const { listNames } = await import('../../graph/names.ts');
  const { classes, absentClasses, skipped } = report;
  const share = (name: string, value: number | undefined) => (value === undefined ? [] : [[name, percent(value)]]);
  const head = table([
    ...share('mAP', report.map),
    ...share('top-1', report.top1),
    ...share('top-1, class head', report.classHeadTop1),
    ...(classes.length + absentClasses.length > 5 ? share('top-5', report.top5) : []),
    ...share('micro-F1', report.microF1),
    ...share('macro-F1', report.macroF1),
    ...share('calibration error', report.ece),
    ['loss', report.loss.toFixed(4)],
    ['images', String(report.images)],
    ['skipped', String(skipped.length)],
  ]);
  const rows = classes
    .slice(0, SHOWN)
    .map(({ name, images, top1, ap }) => [`  ${name}`, percent(top1 ?? ap ?? 0), `${images} images`]);
  const by = report.map === undefined ? '' : ' (average precision)';
  const title =
    classes.length > SHOWN ? `worst ${SHOWN} of ${classes.length} classes${by}` : `classes, worst first${by}`;
  const absent =
    absentClasses.length > 0
      ? `\n\nclasses of the model without images here: ${listNames(absentClasses, absentClasses.length)}`
      : '';
  return `${head}\n\n${title}\n${table(rows)}${absent}`;
}
