import { UserError } from '../../graph/errors.ts';
import { printableName } from '../../graph/printable.ts';
import type { ClassProbability, ImageModel } from '../../run/evaluation/predict.ts';
import { valuesWithoutFlag, wholeNumber } from '../arguments.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';
import { STATUS } from '../outcome.ts';

/** The answer for one image. */
interface Row {
  readonly image: string;
  readonly top?: readonly ClassProbability[];
  /** Of a multilabel model: the classes above 0.5. */
  readonly labels?: readonly string[];
  readonly error?: string;
}

export const predict = command({
  meta: { name: 'predict', description: 'Classify images with a trained model' },
  args: {
    ref: { type: 'positional', required: true, description: REF_HELP },
    'image...': { type: 'positional', required: true, description: 'Image files, or folders: all images below them' },
    top: { type: 'string', valueHint: 'K', default: '5', description: 'So many classes, the most probable first' },
    ...describedFlags,
    json: jsonFlag,
  },
  variadic: true,
  notes: [
    'A multilabel model gives each class a probability of its own; all above 50 % are shown, marked with *.',
    'An image that cannot be read is named on stderr, the others go on, and the exit status is 1.',
    refNotes,
    describedNotes,
  ],
  examples: ['understudy predict runs/student cat.jpg', 'understudy predict my-model photos/val --top 1 --json'],
  run: async ({ args, rawArgs }) => {
    const top = wholeNumber('top', args.top, 1);
    const { imageFiles, loadModel } = await import('../../run/evaluation/predict.ts');
    const { print, printJson, remark } = await import('../text.ts');
    const paths = valuesWithoutFlag(predict, rawArgs).slice(1).flatMap(imageFiles);
    const { modelEvents } = await import('../modelEvents.ts');
    const { describedBy } = await import('../described.ts');
    const model = await loadModel(args.ref, { onModel: modelEvents(), described: describedBy(args) });
    const rows: Row[] = [];
    for (const path of paths) {
      const row = await classify(model, path, top);
      if (row.error !== undefined) remark(`error: ${row.error}`);
      else if (!args.json) print(await describe(row));
      rows.push(row);
    }
    await model.dispose();
    if (args.json) printJson(rows);
    return rows.some(({ error }) => error !== undefined) ? STATUS.failed : STATUS.done;
  },
});

async function classify(model: ImageModel, image: string, top: number): Promise<Row> {
  try {
    const found = await model.predict(image, { top });
    if (!model.saved.multilabel) return { image, top: found };
    const labels = found.filter(({ probability }) => probability > 0.5).map((one) => one.class);
    return { image, top: found, labels };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { image, error: error.message };
  }
}

async function describe({ image, top = [], labels = [] }: Row): Promise<string> {
  const { percent } = await import('../text.ts');
  const name = printableName;
  return `${name(image)}\n${top.map((one) => `  ${percent(one.probability).padStart(8)}  ${name(one.class)}${labels.includes(one.class) ? ' *' : ''}`).join('\n')}`;
}
