import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import sharp from 'sharp';
import { brief, UserError } from '../graph/errors.ts';
import { showAddress, spanOf } from './address.ts';
import type { Pixels } from './augment/pixels.ts';
import { decodeBmp, isBmp } from './bmp.ts';
import { damageReason } from './damageReason.ts';
import { notReadable } from './regularFileNode.ts';

/** Characters of a path that a message shows: more than that is no path. */
const LONGEST_NAME = 1024;

const wanted = 'an image (jpg, png, webp, bmp, gif, tiff or avif)';

/**
 * Decode the image at an address (data/address.ts) to 8-bit sRGB. EXIF rotation is applied; grey, CMYK and 16-bit images and
 * embedded colour profiles are converted; of an animation the first frame is taken.
 * Our choice: transparent pixels are laid over white, since most cut-out images are made for white pages.
 * Throws UserError `Cannot read image PATH: wanted ..., got ...`.
 */
export async function decodeImage(path: string): Promise<Pixels> {
  let bytes: Buffer;
  try {
    bytes = readImageBytes(path);
  } catch (error) {
    throw cannotRead(path, describeReadError(error as NodeJS.ErrnoException));
  }
  return decodeBytes(bytes, path);
}

/** The same for a file's bytes; `path` names them in errors. */
export async function decodeBytes(bytes: Buffer, path: string): Promise<Pixels> {
  if (bytes.length === 0) throw cannotRead(path, 'an empty file (0 bytes)');
  try {
    return isBmp(bytes) ? decodeBmp(bytes) : await decodeBySharp(bytes);
  } catch (error) {
    throw cannotRead(path, isBmp(bytes) ? damageReason(error) : describeDamage(bytes, error as Error));
  }
}

/** The image at an address in grey, squeezed to side x side, one byte a pixel. Far faster than decoding a large JPEG whole. */
export async function greyThumbnail(path: string, side: number): Promise<Uint8Array> {
  let bytes: Buffer;
  try {
    bytes = readImageBytes(path);
  } catch (error) {
    throw cannotRead(path, describeReadError(error as NodeJS.ErrnoException));
  }
  if (bytes.length === 0) throw cannotRead(path, 'an empty file (0 bytes)');
  try {
    const bmp = isBmp(bytes) ? decodeBmp(bytes) : undefined;
    const image = bmp
      ? sharp(bmp.data, { raw: { width: bmp.width, height: bmp.height, channels: 3 } })
      : sharp(bytes, { failOn: 'error', autoOrient: true }).flatten({ background: '#ffffff' });
    return await image
      .resize(side, side, { fit: 'fill' })
      .toColourspace('b-w')
      .extractChannel(0)
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (error) {
    throw cannotRead(path, isBmp(bytes) ? damageReason(error) : describeDamage(bytes, error as Error));
  }
}

/** Pixels of the image at an address, without decoding it; undefined where it cannot be read. */
export async function pixelCount(path: string): Promise<number | undefined> {
  try {
    const bytes = readImageBytes(path);
    const { width, height } = isBmp(bytes) ? decodeBmp(bytes) : await sharp(bytes).metadata();
    return width * height;
  } catch {
    return undefined;
  }
}

async function decodeBySharp(bytes: Buffer): Promise<Pixels> {
  // failOn 'error', not sharp's 'warning': real data sets hold files with stray bytes that every viewer shows whole.
  // 'truncated' would let a cut TIFF pass.
  const image = sharp(bytes, { failOn: 'error', autoOrient: true })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb');
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels after conversion`);
  return { data, width: info.width, height: info.height };
}

/** The bytes at an address: a file, or a span of one. */
export function readImageBytes(address: string): Buffer {
  const span = spanOf(address);
  // What a table names may be a pipe or a device.
  const wrong = notReadable(span ? span.container : address);
  if (wrong !== undefined) throw new Error(wrong);
  if (!span) return readFileSync(address);
  const file = openSync(span.container, 'r');
  try {
    const bytes = Buffer.alloc(span.length);
    const got = readSync(file, bytes, 0, span.length, span.offset);
    return bytes.subarray(0, got);
  } finally {
    closeSync(file);
  }
}

function describeReadError(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'no such file';
  if (error.code === 'ENAMETOOLONG') return 'a name too long for a file';
  if (error.code === 'ERR_FS_FILE_TOO_LARGE') return 'a file of more than 2 GB';
  return error.code ?? error.message;
}

function describeDamage(bytes: Buffer, error: Error): string {
  if (!error.message.includes('unsupported image format'))
    return `a damaged or truncated file (${damageReason(error)})`;
  const text = bytes.subarray(0, 64).every((x) => x === 9 || x === 10 || x === 13 || (x >= 32 && x !== 127));
  return text ? `a text file of ${bytes.length} bytes` : `${bytes.length} bytes of no known image format`;
}

function cannotRead(path: string, got: string): UserError {
  return new UserError(
    `Cannot read image ${brief(showAddress(path), LONGEST_NAME)}: wanted ${wanted}, got ${got}. Replace or delete the file`,
  );
}
