import { UserError } from '../../graph/errors.ts';
import { briefAddress } from '../address.ts';
import type { Pixels } from '../augment/pixels.ts';
import { formatOf, otherFormat } from './imageFormat.ts';
import { MOST_PIXELS } from './imageLimits.ts';

/** What is used of an ImageBitmap. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** What is used of a page's or worker's pictures. */
interface Pictures {
  createImageBitmap(blob: Blob): Promise<Bitmap>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(
      kind: '2d',
      options: { readonly willReadFrequently: boolean },
    ): {
      fillStyle: string;
      fillRect(x: number, y: number, width: number, height: number): void;
      drawImage(image: object, x: number, y: number): void;
      getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
    };
  };
}

/**
 * Decodes an image file to 8-bit sRGB by the browser's own decoders, undecoded sizes kept: turned as EXIF says, transparent pixels
 * laid over white, of an animation the first frame. PNGs without transparency give the bytes that they give in Node; decoders of
 * JPEG and WebP round otherwise by a step or two.
 * @throws UserError `Cannot read image PATH: wanted ..., got ...`.
 */
export async function decodeWeb(bytes: Uint8Array, path: string): Promise<Pixels> {
  const refuse = (got: string, cause?: unknown) =>
    new UserError(
      `Cannot read image ${briefAddress(path)}: wanted an image (jpg, png, webp, bmp, gif or avif), got ${got}. Replace or leave out the file`,
      { cause },
    );
  if (bytes.length === 0) throw refuse('an empty file (0 bytes)');
  const format = formatOf(bytes);
  if (format === undefined) throw refuse(otherFormat(bytes));
  if (format === 'tiff') throw refuse('a TIFF, which browsers do not read');
  const { createImageBitmap } = globalThis as unknown as Pictures;
  const bitmap = await createImageBitmap(new Blob([bytes.slice()])).catch((error: unknown) => {
    throw refuse('a damaged or truncated file', error);
  });
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) throw refuse(`one of ${width} x ${height} pixels. Scale it down`);
  return pixelsOf(bitmap);
}

/** RGB bytes of a bitmap, which is used up; what shows through is white. */
export function pixelsOf(bitmap: Bitmap): Pixels {
  const { width, height } = bitmap;
  const { OffscreenCanvas } = globalThis as unknown as Pictures;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: withoutAlpha(context.getImageData(0, 0, width, height).data), width, height };
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    data[to++] = rgba[from]!;
    data[to++] = rgba[from + 1]!;
    data[to++] = rgba[from + 2]!;
  }
  return data;
}
