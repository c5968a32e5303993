import { UserError } from '../../graph/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { transpose } from '../../ops/movement.ts';
import type { ValueInfoProto } from '../generated/onnx_pb.ts';
import type { OnnxFile } from './onnxFile.ts';
import { dtypeOf } from './tensorData.ts';

/** The input that takes the image. */
export interface ImagePort {
  readonly name: string;
  /** [B,3,h,w] of PyTorch, or [B,h,w,3] of TensorFlow. */
  readonly channelsLast: boolean;
  /** The batch size where the file was exported for one only. */
  readonly batch: number | undefined;
  /** Side of the image where the file fixes it. */
  readonly imageSize: number | undefined;
}

/** @throws UserError if the file does not take one float RGB image. */
export function imagePortOf({ graph, where }: OnnxFile): ImagePort {
  const weights = new Set(graph.initializer.map(({ name }) => name));
  const ports = graph.input.filter(({ name }) => !weights.has(name));
  if (ports.length !== 1)
    throw new UserError(
      `${where}: wanted an image classifier with one input, got ${ports.length === 0 ? 'none' : ports.map((port) => `${port.name} ${show(port)}`).join(', ')}. Export the model with the image as its only input`,
    );
  const port = ports[0]!;
  const wrong = (got: string) =>
    new UserError(
      `${where}: input ${port.name}: wanted square RGB images, float [batch,3,height,width] or [batch,height,width,3], got ${got}`,
    );
  const tensor = port.type?.value.case === 'tensorType' ? port.type.value.value : undefined;
  if (dtypeOf(tensor?.elemType ?? 1) !== 'float32')
    throw wrong(`elements of dtype ${tensor?.elemType} of the standard`);
  const dims = dimsOf(port) ?? [undefined, undefined, undefined, undefined];
  if (dims.length !== 4) throw wrong(show(port));
  const channelsLast = dims[3] === 3 && dims[1] !== 3;
  const [channels, h, w] = channelsLast ? [dims[3], dims[1], dims[2]] : [dims[1], dims[2], dims[3]];
  if ((channels !== undefined && channels !== 3) || (h !== undefined && w !== undefined && h !== w))
    throw wrong(show(port));
  const [batch, imageSize] = [dims[0], h ?? w];
  for (const n of [batch, imageSize]) if (n !== undefined && (n < 1 || n > 1 << 14)) throw wrong(show(port));
  return { name: port.name ?? '', channelsLast, batch, imageSize };
}

/** Our pixels [B,3,h,w] in the file's layout. */
export function portPixels({ channelsLast }: ImagePort, pixels: Tensor): Tensor {
  return channelsLast ? transpose(pixels, [0, 2, 3, 1]) : pixels;
}

/** Numbers where they are fixed; undefined for a name, a -1 or nothing. */
function dimsOf({ type }: ValueInfoProto): (number | undefined)[] | undefined {
  const shape = type?.value.case === 'tensorType' ? type.value.value.shape : undefined;
  return shape?.dim.map(({ value }) =>
    value.case === 'dimValue' && value.value > 0n ? Number(value.value) : undefined,
  );
}

function show(port: ValueInfoProto): string {
  return `[${
    dimsOf(port)
      ?.map((n) => n ?? '?')
      .join(',') ?? ''
  }]`;
}
