import { UserError } from '../../graph/errors.ts';
import type { EmbedReport } from '../../run/embedding/embed.ts';
import { wholeNumber } from '../arguments.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';
import { STATUS } from '../outcome.ts';

export const embed = command({
  meta: { name: 'embed', description: 'Embeddings of images, near-duplicates, and a subset that covers them' },
  args: {
    ref: { type: 'positional', required: true, description: REF_HELP },
    data: {
      type: 'positional',
      required: true,
      description: 'Images: a folder with or without class folders, a CSV, Parquet files, tar shards',
    },
    out: {
      type: 'string',
      valueHint: 'DIR',
      required: true,
      description: 'New or empty folder; an interrupted one goes on',
    },
    format: { type: 'string', valueHint: 'parquet|safetensors', default: 'parquet', description: 'Of the embeddings' },
    duplicates: {
      type: 'string',
      valueHint: 'COSINE',
      description: 'List pairs of images whose embeddings have at least this cosine, such as 0.95, in duplicates.csv',
    },
    subset: {
      type: 'string',
      valueHint: 'K',
      description: 'List K images that cover all others as well as so many can, in subset.txt',
    },
    ...describedFlags,
    json: jsonFlag,
  },
  notes: [
    'The embedding of an encoder (DINOv2, DINOv3, CLIP, SigLIP) is what it was trained to give; of a classifier, what its last layer\nreads. Parquet: columns path, label, embedding. safetensors: embedding [N,D], paths (UTF-8, a zero byte after each), labels.',
    'subset.txt is in the order of the choice (greedy k-centre): each beginning of it is a subset too.',
    'Files that cannot be read are named on stderr and left out, and the exit status is 1.',
    refNotes,
    describedNotes,
  ],
  examples: [
    'understudy embed hf:facebook/dinov2-small photos --out photos-embedded',
    'understudy embed runs/student photos --out near --duplicates 0.95 --subset 1000',
  ],
  run: async ({ args }) => {
    const format = formatOf(args.format);
    const duplicates = args.duplicates === undefined ? undefined : cosineOf(args.duplicates);
    const subset = args.subset === undefined ? undefined : wholeNumber('subset', args.subset, 1);
    const { embedImages } = await import('../../run/embedding/embed.ts');
    const { listingEvents } = await import('../listingEvents.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { describedBy } = await import('../described.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { overwrite, print, printJson, remark } = await import('../text.ts');
    const report = await whileRunning((start) =>
      embedImages(args.ref, args.data, {
        out: args.out,
        format,
        ...(duplicates === undefined ? {} : { duplicates }),
        ...(subset === undefined ? {} : { subset }),
        onModel: modelEvents(),
        onListing: listingEvents(),
        described: describedBy(args),
        onStart: ({ images, done, notes }) => {
          start();
          for (const note of notes) remark(`note: ${note}`);
          remark(`${images} images${done > 0 ? `, ${done} of them embedded before` : ''}`);
        },
        onProgress: (what, done, of) => overwrite(`${PROGRESS[what]} ${done} of ${of}`, done === of),
      }),
    );
    for (const { path, reason } of report.skipped) remark(`skipped ${path}: ${reason}`);
    if (args.json) printJson(report);
    else print(await describe(report));
    return report.skipped.length > 0 ? STATUS.failed : STATUS.done;
  },
});

const PROGRESS = { images: 'embedded', compared: 'compared', chosen: 'chosen' } as const;

function formatOf(text: string): 'parquet' | 'safetensors' {
  if (text === 'parquet' || text === 'safetensors') return text;
  throw new UserError(`--format: wanted parquet or safetensors, got "${text}"`);
}

function cosineOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new UserError(`--duplicates: wanted a cosine above 0 and at most 1, such as 0.95, got "${text}"`);
}

async function describe({ images, width, files, duplicates, subset }: EmbedReport): Promise<string> {
  const { table } = await import('../text.ts');
  return table([
    ['images', String(images)],
    ['embedding', `${width} numbers each`],
    ...(duplicates
      ? [['near-duplicates', `${duplicates.pairs} pairs with a cosine of ${duplicates.threshold} or more`]]
      : []),
    ...(subset
      ? [
          [
            'subset',
            `${subset.images} images; every image has a cosine of at least ${subset.leastCosine.toFixed(3)} to one of them`,
          ],
        ]
      : []),
    ...files.map((file, i) => [i === 0 ? 'files' : '', file]),
  ]);
}
