import type { Agreement } from '../../run/compareOnnx.ts';
import { command, jsonFlag, REF_HELP, refNotes } from '../command.ts';

export const exportCommand = command({
  meta: { name: 'export', description: 'Write a trained model as ONNX and safetensors (Hugging Face layout)' },
  args: {
    ref: { type: 'positional', required: true, description: REF_HELP },
    out: { type: 'string', valueHint: 'DIR', required: true, description: 'New or empty folder' },
    data: {
      type: 'string',
      valueHint: 'DIR',
      description: 'Images in class folders: the file is checked on up to 64 of them too',
    },
    dtype: {
      type: 'string',
      valueHint: 'fp32',
      default: 'fp32',
      description: 'Kind of numbers; only fp32 in this version',
    },
    json: jsonFlag,
  },
  notes: [
    'Writes config.json, preprocessor_config.json, model.safetensors, onnx/model.onnx and README.md (model card). The ONNX file is\nrun by ONNX Runtime alone and compared with our own forward pass first; a logit that differs by more than 0.001 is an error.',
    refNotes,
  ],
  examples: [
    'understudy export runs/student --out my-model',
    'understudy export runs/student --out my-model --data photos',
  ],
  run: async ({ args }) => {
    const { exportModel } = await import('../../run/exportModel.ts');
    const { modelEvents } = await import('../modelEvents.ts');
    const { whileRunning } = await import('../outcome.ts');
    const { bytes, print, printJson, table } = await import('../text.ts');
    const report = await whileRunning((start) =>
      exportModel(args.ref, {
        out: args.out,
        dtype: args.dtype,
        onStart: start,
        onModel: modelEvents(),
        ...(args.data === undefined ? {} : { data: args.data }),
      }),
    );
    if (args.json) return printJson(report);
    print(table(report.files.map((file) => [file.path, bytes(file.bytes)])));
    print(`\nONNX file against our own forward pass:\n${agreement('random images', report.check.random)}`);
    if (report.check.real) print(agreement('real images', report.check.real));
  },
});

function agreement(what: string, { images, largestDifference, top1 }: Agreement): string {
  return `  ${images} ${what}: largest difference of a logit ${largestDifference.toExponential(1)}, same top-1 on ${(top1 * 100).toFixed(1)} %`;
}
