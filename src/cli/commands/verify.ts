import type { VerifyReport, VerifyRow } from '../../run/exporting/verify.ts';
import { command, jsonFlag, refNotes, WEIGHTS_HELP } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';

export const verify = command({
  meta: { name: 'verify', description: 'Compare every way to run a model with the trainer, on real images' },
  args: {
    ref: { type: 'positional', required: true, description: WEIGHTS_HELP },
    data: { type: 'string', valueHint: 'DIR', required: true, description: 'Folder of images, with labels or without' },
    images: {
      type: 'string',
      valueHint: 'N',
      default: '200',
      description: 'At most so many of them, spread evenly',
    },
    ...describedFlags,
    json: jsonFlag,
  },
  notes: [
    "Runs the trainer's own forward pass, then each ONNX file of the model by onnxruntime-node and, where they are installed, by\nonnxruntime-web (WASM) and @huggingface/transformers (transformers.js). Images go through our preprocess(); with transformers.js\nalso through its own resize, which is another one: what that costs is shown, and is no fault. A model without ONNX files is\nexported to a temporary folder in all kinds first.",
    'Exit status 1 if a row through preprocess() does not agree: logits within 0.001 (fp32), 2 % (fp16) or 25 % (q8) of the range\nthat logits span, and the top-1 on 99 %, 97 % or 90 % of the images.',
    refNotes,
    describedNotes,
  ],
  examples: ['understudy verify my-model --data photos', 'understudy verify runs/student --data photos --json'],
  run: async ({ args }) => {
    const { verifyModel } = await import('../../run/exporting/verify.ts');
    const { describedBy } = await import('../described.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { STATUS, whileRunning } = await import('../outcome.ts');
    const { overwrite, print, printJson, remark } = await import('../text.ts');
    const report = await whileRunning((start) =>
      verifyModel(args.ref, {
        data: args.data,
        images: Number(args.images),
        onModel: modelEvents(),
        described: describedBy(args),
        onStart: (part) => {
          start();
          remark(`comparing on at most ${args.images} images: ${part}`);
        },
        onRow: (client, file) => overwrite(`${client}, ${file}`),
      }),
    );
    overwrite('');
    for (const name of report.absent) remark(`${name} is not installed, so its rows are missing: npm install ${name}`);
    for (const reason of report.unfit) remark(`not run: ${reason}`);
    if (args.json) printJson(report);
    else print(await describe(report));
    for (const row of report.rows.filter(({ fault }) => fault))
      remark(`does not agree: ${row.client}, ${row.file}: ${row.fault}`);
    return report.agrees ? STATUS.done : STATUS.failed;
  },
});

/** Some of the images that are decided otherwise, by how much the trainer's decision led there. */
function led(margins: readonly number[]): string {
  const few = margins.slice(0, 3).map((margin) => margin.toPrecision(2));
  return `${few.join(', ')}${margins.length > 3 ? `, ... (${margins.length})` : ''}`;
}

async function describe({ model, images, accuracy, margin, rows, temporary }: VerifyReport): Promise<string> {
  const { percent, table } = await import('../text.ts');
  const right = (share: number | undefined) => (share === undefined ? [] : [percent(share)]);
  const line = (row: VerifyRow) => [
    row.client,
    row.file,
    row.through,
    ...(row.images === 0
      ? ['', '', '', '']
      : [percent(row.top1), led(row.margins), row.largestDifference.toExponential(1), ...right(row.accuracy)]),
    ...(row.fault === undefined ? [] : [row.images === 0 ? 'cannot be run' : 'does not agree']),
  ];
  const head = ['client', 'file', 'images through', 'same top-1', 'lead where not', 'largest difference'];
  const cells = [
    [...head, ...(accuracy === undefined ? [] : ['accuracy'])],
    ['trainer', 'model.safetensors', 'preprocess()', '', '', '', ...right(accuracy)],
    ...rows.map(line),
  ];
  const made = temporary ? '; it has no ONNX files, so they were made for this table and removed' : '';
  const leads = rows.some(({ margins }) => margins.length > 0)
    ? `\n\nlead where not: by how much the trainer's best class led the second, in logits, on the images that the row decides otherwise\n(the largest first); its median over all images is ${margin.toPrecision(2)}, and a small part of that is a tie`
    : '';
  return `${model} on ${images} images${made}\n\n${table(cells)}${leads}`;
}
