import type { Agreement } from '../../run/exporting/agreement.ts';
import type { ExportReport } from '../../run/exporting/exportModel.ts';
import { command, jsonFlag, refNotes, WEIGHTS_HELP } from '../command.ts';
import { describedFlags, describedNotes } from '../describedFlags.ts';

export const exportCommand = command({
  meta: { name: 'export', description: 'Write a trained model as ONNX and safetensors (Hugging Face layout)' },
  args: {
    ref: { type: 'positional', required: true, description: WEIGHTS_HELP },
    out: { type: 'string', valueHint: 'DIR', required: true, description: 'New or empty folder' },
    force: { type: 'boolean', default: false, description: 'Replace an earlier export in --out' },
    data: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Folder of images: every file is checked on up to 200 of them too',
    },
    dtype: {
      type: 'string',
      valueHint: 'LIST',
      default: 'fp32',
      description: 'Files to write: one or more of fp32, fp16, q8, joined by commas',
    },
    ...describedFlags,
    json: jsonFlag,
  },
  notes: [
    'Writes config.json, preprocessor_config.json, model.safetensors, README.md (model card) and these ONNX files:\n  fp32  onnx/model.onnx            float32\n  fp16  onnx/model_fp16.onnx       half the size; for WebGPU\n  q8    onnx/model_quantized.onnx  8-bit weights, a quarter of the size; what transformers.js takes on WASM by default',
    'Each file is run by ONNX Runtime alone and compared with our own forward pass before anything is written, on noise and,\nwith --data, on images. Logits must agree within 0.001 (fp32), 2 % (fp16) or 25 % (q8) of the range that logits span, and the\ntop-1 on 99 %, 97 % or 90 % of the images. A file that fails is an error, and nothing is written.',
    refNotes,
    describedNotes,
  ],
  examples: [
    'understudy export runs/student --out my-model',
    'understudy export runs/student --out my-model --dtype fp32,fp16,q8 --data photos',
  ],
  run: async ({ args }) => {
    const { exportModel } = await import('../../run/exporting/exportModel.ts');
    const { describedBy } = await import('../described.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { print, printJson, remark } = await import('../text.ts');
    const report = await whileRunning((start) =>
      exportModel(args.ref, {
        out: args.out,
        force: args.force,
        dtype: args.dtype,
        onStart: start,
        onModel: modelEvents(),
        described: describedBy(args),
        onFile: (dtype) => remark(`building and checking ${dtype}`),
        ...(args.data === undefined ? {} : { data: args.data }),
      }),
    );
    if (args.json) printJson(report);
    else print(await describe(report, args.data));
  },
});

async function describe(report: ExportReport, given: string | undefined): Promise<string> {
  const { out, files, checks, accuracy } = report;
  const { bytes, percent, shellWord, table } = await import('../text.ts');
  const row = (name: string, what: string, found: Agreement) => [
    name,
    `${found.images} ${what}`,
    percent(found.top1),
    found.largestDifference.toExponential(1),
    found.accuracy === undefined ? '' : percent(found.accuracy),
  ];
  const rows = checks.flatMap(({ path, random, real }) => [
    row(path, 'random', random),
    ...(real ? [row(path, 'real', real)] : []),
  ]);
  const head = ['file', 'images', 'same top-1', 'largest difference', accuracy === undefined ? '' : 'accuracy'];
  const trainer = accuracy === undefined ? [] : [['our forward pass', rows.at(-1)![1]!, '', '', percent(accuracy)]];
  const data = given ?? report.trainedOn;
  const next = `Next:\n  understudy verify ${shellWord(out)} --data ${data === undefined ? 'DIR' : shellWord(data)}`;
  return `${table(files.map((file) => [file.path, bytes(file.bytes)]))}\n\nchecked against our own forward pass\n${table([head, ...rows, ...trainer])}\n\n${next}`;
}
