import type { Pixels } from '../augment/pixels.ts';
import { decodeBytes } from '../images/decodeNode.ts';
import type { ImageSource } from '../imageSource.ts';
import { readSource } from '../readSource.ts';
import type { Loader, LoaderOptions } from './loader.ts';
import { plainLoader } from './plainLoader.ts';

/** The loader of a source's lists: images are read by its function, in this thread. */
export function sourceLoader(source: ImageSource, options: LoaderOptions): Loader {
  return plainLoader(options, (id) => readSourceNode(source, id));
}

/** @throws UserError where the source, or the decoder, cannot read it. */
export const readSourceNode = (source: ImageSource, id: string): Promise<Pixels> =>
  readSource(source, id, (bytes, where) =>
    decodeBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), where),
  );
