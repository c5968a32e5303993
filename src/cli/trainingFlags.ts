import { jsonFlag } from './command.ts';

/** The flags that `distill` and `train` share. */
export const trainingFlags = {
  out: {
    type: 'string',
    valueHint: 'RUN',
    description: 'Run folder; default: runs/<data>-<student>-<method>, with -2, -3, ... where that exists',
  },
  config: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'Settings in YAML, as in the config.yaml of a run, or a name of "understudy list recipes"; flags and --set win over it',
  },
  set: {
    type: 'string',
    valueHint: 'key=value',
    description: 'One setting, dotted (optim.lr=1e-3, dearkd.beta=1); may be given again; wins over all',
  },
  epochs: { type: 'string', valueHint: 'N', description: 'train.epochs; default: chosen by the number of images' },
  budget: {
    type: 'string',
    valueHint: 'TIME',
    description: 'train.budget, such as 90s, 30m or 2h: so many epochs as fit, by measured speed',
  },
  batch: {
    type: 'string',
    valueHint: 'N',
    description: 'train.batch; default: 50 up to 64 px (25 with fewer than 5,000 images), else 16',
  },
  seed: { type: 'string', valueHint: 'N', description: 'train.seed; default: 0' },
  images: {
    type: 'string',
    valueHint: 'N',
    description: 'data.images, so many training images, each class in proportion; default: all',
  },
  fraction: {
    type: 'string',
    valueHint: 'F',
    description: 'data.fraction, the same as a share from 0 to 1; default: 1',
  },
  resume: {
    type: 'boolean',
    default: false,
    description: 'Go on from the last checkpoint of --out, with the settings of that run',
  },
  device: {
    type: 'string',
    valueHint: 'cpu|webgpu|cuda',
    default: 'cpu',
    description:
      'Where to compute; webgpu needs a GPU, on Linux with a Vulkan driver; cuda the files of ONNX Runtime for it',
  },
  json: jsonFlag,
} as const;

export const trainingNotes = [
  'Settings that are "auto" are chosen from the data; each choice is printed with its reason.\nunderstudy list methods shows the settings of each method (methods.NAME.key, or NAME.key for short).',
  'Ctrl-C saves a checkpoint and prints how to go on; a second Ctrl-C stops at once.',
] as const;
