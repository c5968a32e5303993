import type { Model } from '../../models/index.ts';
import { answerName } from '../../program/evalProgram.ts';
import type { FilePorts } from '../../onnx/import/filePorts.ts';

/** Those of the files that we write ourselves. */
export const OWN_PORTS: FilePorts = {
  input: 'pixel_values',
  output: 'logits',
  channelsLast: false,
  batch: undefined,
  through: undefined,
};

/** How a model's files are run: a network that came as ONNX keeps its names. */
export const portsOf = (network: Model): FilePorts =>
  (network as { ports?: FilePorts }).ports ?? { ...OWN_PORTS, output: answerName(network) };

/** Whether transformers.js can run such files. */
export const isTransformers = ({ input, output, channelsLast }: FilePorts): boolean =>
  input === OWN_PORTS.input && output === OWN_PORTS.output && !channelsLast;
