import { UserError } from '../../graph/errors.ts';
import { printableName } from '../../graph/printable.ts';
import type { ClassProbability } from '../../run/evaluation/imageModel.ts';
import type { ImageModel } from '../../run/evaluation/predict.ts';
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
    out: {
      type: 'string',
      valueHint: 'FILE',
      description: 'Write them to a .csv (image, rank, class, probability) or .jsonl file (an image a line) instead',
    },
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
  examples: [
    'understudy predict runs/student cat.jpg',
    'understudy predict my-model photos/val --top 1 --json',
    'understudy predict my-model photos/val --top 1 --out answers.csv',
  ],
  run: async ({ args, rawArgs }) => {
    const top = wholeNumber('top', args.top, 1);
    const format = args.out === undefined ? undefined : formatOf(args.out);
    const { imageFiles, loadModel } = await import('../../run/evaluation/predict.ts');
    const { overwrite, print, printJson, remark } = await import('../text.ts');
    const paths = valuesWithoutFlag(predict, rawArgs).slice(1).flatMap(imageFiles);
    const { modelEvents } = await import('../modelEvents.ts');
    const { describedBy } = await import('../described.ts');
    const model = await loadModel(args.ref, { onModel: modelEvents(), described: describedBy(args) });
    let failed = 0;
    const tell = ({ error }: Row, done: number) => {
      if (error !== undefined) failed++;
      if (error !== undefined) remark(`error: ${error}`);
      if (format) overwrite(`${done} of ${paths.length} images`, done === paths.length);
    };
    try {
      const rows = answers(model, paths, top, tell);
      if (format) {
        const { writeFileAtomic } = await import('../../formats/disk/atomicNode.ts');
        await writeFileAtomic(args.out!, LINES[format](rows));
        const images = paths.length - failed;
        if (args.json) printJson({ out: args.out!, images, failed });
        else print(`${args.out!}: ${images} images`);
      } else if (args.json) printJson(await listOf(rows));
      else for await (const row of rows) if (row.error === undefined) print(await describe(row));
    } finally {
      await model.dispose();
    }
    return failed > 0 ? STATUS.failed : STATUS.done;
  },
});

async function* answers(
  model: ImageModel,
  paths: readonly string[],
  top: number,
  tell: (row: Row, done: number) => void,
): AsyncGenerator<Row> {
  for (const [i, path] of paths.entries()) {
    const row = await classify(model, path, top);
    tell(row, i + 1);
    yield row;
  }
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** The endings of `--out`, and what is written piece by piece: a large folder's answers need no memory. */
const LINES = { csv: csvLines, jsonl: jsonLines } as const;

async function* csvLines(rows: AsyncIterable<Row>): AsyncGenerator<Uint8Array> {
  const { formatCsv } = await import('../../train/loggers/csvText.ts');
  const encode = (cells: readonly (readonly string[])[]) => Buffer.from(formatCsv(cells));
  yield encode([['image', 'rank', 'class', 'probability']]);
  for await (const { image, top = [] } of rows)
    yield encode(top.map((one, i) => [image, String(i + 1), one.class, one.probability.toFixed(6)]));
}

async function* jsonLines(rows: AsyncIterable<Row>): AsyncGenerator<Uint8Array> {
  for await (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`);
}

function formatOf(path: string): keyof typeof LINES {
  const ending = /\.(csv|jsonl)$/i.exec(path)?.[1]?.toLowerCase();
  if (ending !== undefined) return ending as keyof typeof LINES;
  throw new UserError(`--out: wanted a file that ends in .csv or .jsonl, got "${path}"`);
}

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
