import type { Pixels } from '../../data/augment/pixels.ts';
import { type Bitmap, decodeWeb, pixelsOf } from '../../data/images/decodeWeb.ts';
import { type OrtWeb, ortWeb } from '../../engine/ortWeb.ts';
import type { Described } from '../models/described.ts';
import { loadModelSource, type ModelSource } from '../models/modelSourceWeb.ts';
import { type ImageModel, openImageModel } from './imageModel.ts';

/** An image file as it was picked or fetched, its bytes, an ImageBitmap (a camera's frame), which is used up, or RGB bytes with width and height. */
export type WebImage = Blob | Uint8Array | Bitmap | Pixels;

export interface WebModelOptions {
  /** The module `onnxruntime-web`, or for WebGPU `onnxruntime-web/webgpu`. */
  readonly runtime: OrtWeb;
  /** Default: wasm. */
  readonly device?: 'wasm' | 'webgpu';
  /** What the files of a model that others have trained do not say. */
  readonly described?: Described;
}

/** Loads a model of any kind that is read, or that of a run in this browser. @throws UserError for whatever cannot be used as a model. */
export async function loadModelWeb(
  model: ModelSource,
  { runtime, device = 'wasm', described }: WebModelOptions,
): Promise<ImageModel<WebImage>> {
  const engine = ortWeb(runtime, { device });
  return openImageModel(await loadModelSource(model, { engine, described }), engine, {
    pixelsOf: async (image) => {
      if (image instanceof Uint8Array) return decodeWeb(image, 'the image');
      if (image instanceof Blob)
        return decodeWeb(new Uint8Array(await image.arrayBuffer()), nameOf(image) ?? 'the image');
      return 'close' in image ? pixelsOf(image) : image;
    },
    nameOf,
  });
}

/** A picked file has a name. */
const nameOf = (image: WebImage): string | undefined => ('name' in image ? String(image.name) : undefined);
