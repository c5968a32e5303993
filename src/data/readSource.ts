import { UserError } from '../graph/errors.ts';
import type { Pixels } from './augment/pixels.ts';
import type { ImageSource } from './imageSource.ts';

/** Decodes the bytes of an image file; `where` is what messages call it. */
export type Decode = (bytes: Uint8Array, where: string) => Promise<Pixels>;

/** @throws UserError where the source, or the decoder, cannot read it. */
export async function readSource(source: ImageSource, id: string, decode: Decode): Promise<Pixels> {
  const where = `${source.name}: ${id}`;
  const found = await told(where, () => source.read(id));
  return found instanceof Uint8Array ? decode(found, where) : checkedPixels(found, where);
}

/** What reads an image, with its name before what it says. @throws UserError */
export async function told<T>(where: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof UserError ? error : new UserError(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws UserError */
export function checkedPixels({ data, width, height }: Pixels, where: string): Pixels {
  if (!(width >= 1) || !(height >= 1) || data.length !== 3 * width * height)
    throw new UserError(`${where}: wanted RGB bytes, 3 x width x height, got ${data.length} for ${width} x ${height}`);
  return { data, width, height };
}
