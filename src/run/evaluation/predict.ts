import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { imageExtensions } from '../../data/images/imageNames.ts';
import { decodeBytes, decodeImage } from '../../data/images/decodeNode.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import type { Engine } from '../../engine/contract.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { UserError } from '../../graph/errors.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { Described } from '../models/described.ts';
import { type ImageModel as AnyImageModel, openImageModel } from './imageModel.ts';

/** A path, the bytes of an image file (a Buffer), or RGB bytes with width and height. */
export type ImageInput = string | Uint8Array | Pixels;

/** A model that is ready to answer. Call `dispose` at the end. */
export type ImageModel = AnyImageModel<ImageInput>;

/** Loads a trained model: a run folder, an exported folder, a foreign folder or file, or `hf:org/name`. */
export async function loadModel(
  ref: string | LoadedModel,
  {
    engine = ortNode(),
    onModel,
    described,
  }: { readonly engine?: Engine; readonly onModel?: OnModel; readonly described?: Described } = {},
): Promise<ImageModel> {
  const saved = typeof ref === 'string' ? await loadModelReference(ref, { onModel, described }) : ref;
  return openImageModel(saved, engine, {
    pixelsOf,
    nameOf: (image) => (typeof image === 'string' ? image : undefined),
  });
}

async function pixelsOf(image: ImageInput): Promise<Pixels> {
  if (typeof image === 'string') return decodeImage(image);
  // Pages of a document and views of a bigger buffer come as Uint8Array too.
  if (image instanceof Uint8Array)
    return decodeBytes(Buffer.from(image.buffer, image.byteOffset, image.byteLength), `of ${image.byteLength} bytes`);
  const { data, width, height } = image ?? {};
  if (data?.length !== width * height * 3 || !(width > 0))
    throw new UserError(
      'predict: wanted a path, the bytes of an image file, or { data, width, height } with 3 bytes of data for each pixel',
    );
  return image;
}

/**
 * The image files that paths stand for: a folder is all images below it, in code-point order.
 * @throws UserError if a folder has none.
 */
export function imageFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const isImage = new RegExp(`\\.(${imageExtensions.join('|')})$`, 'i');
  const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && isImage.test(entry.name),
  );
  if (found.length === 0)
    throw new UserError(
      `${path}: wanted an image or a folder of images (${imageExtensions.join(', ')}), got a folder without any`,
    );
  return found.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => (a < b ? -1 : 1));
}
