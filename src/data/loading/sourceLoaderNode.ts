import { UserError } from '../../graph/errors.ts';
import type { Pixels } from '../augment/pixels.ts';
import { decodeBytes } from '../images/decodeNode.ts';
import type { ImageSource } from '../imageSource.ts';
import type { Loader, LoaderOptions } from './loader.ts';
import { plainLoader } from './plainLoader.ts';

/** The loader of a source's lists: images are read by its function, in this thread. */
export function sourceLoader(source: ImageSource, options: LoaderOptions): Loader {
  return plainLoader(options, (id) => readSource(source, id));
}

/** @throws UserError where the source, or the decoder, cannot read it. */
export async function readSource(source: ImageSource, id: string): Promise<Pixels> {
  const where = `${source.name}: ${id}`;
  let found: Uint8Array | Pixels;
  try {
    found = await source.read(id);
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`${where}: ${(error as Error).message}`, { cause: error });
  }
  if (!(found instanceof Uint8Array)) return checked(found, where);
  return decodeBytes(Buffer.from(found.buffer, found.byteOffset, found.byteLength), where);
}

function checked({ data, width, height }: Pixels, where: string): Pixels {
  if (!(width >= 1) || !(height >= 1) || data.length !== 3 * width * height)
    throw new UserError(`${where}: wanted RGB bytes, 3 x width x height, got ${data.length} for ${width} x ${height}`);
  return { data, width, height };
}
