import type { LoadedModel } from './loaded.ts';

/** How a model gets a head for other classes. */
export const newHead = (network: LoadedModel['network'], path: string, data = 'DIR'): string =>
  network.family === 'onnx'
    ? 'give it a head of your classes where it was trained and export it again (an ONNX file cannot be trained here)'
    : `first fit it to your classes: understudy train --data ${data} --init ${path}`;
