import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { MachineError, UserError } from '../../graph/errors.ts';
import { briefAddress, spanOf } from '../address.ts';
import type { Pixels } from '../augment/pixels.ts';
import { bmpSize, decodeBmp, isBmp, TooManyPixels } from './bmp.ts';
import { damageReason } from './damageReason.ts';
import { formatOf, otherFormat } from './imageFormat.ts';
import { FREE_PIXELS, inTime, MOST_PIXELS, MOST_SCANNED, MOST_SECONDS, TooLate } from './imageLimits.ts';
import { PixelBudget, type Release } from './pixelBudgetNode.ts';
import { notReadable } from '../../formats/disk/regularFileNode.ts';
import { oddSamples } from './tiff.ts';

const wanted = 'an image (jpg, png, webp, bmp, gif, tiff or avif)';

/** What decoding may take: the budget that others share, and time. */
export interface DecodeLimits {
  readonly budget: PixelBudget;
  readonly seconds: number;
}

const OWN: DecodeLimits = { budget: new PixelBudget(), seconds: MOST_SECONDS };

/**
 * Decode the image at an address (data/address.ts) to 8-bit sRGB. EXIF rotation is applied; grey, CMYK and 16-bit images and
 * embedded colour profiles are converted; of an animation the first frame is taken.
 * Our choice: transparent pixels are laid over white, since most cut-out images are made for white pages.
 * Throws UserError `Cannot read image PATH: wanted ..., got ...`, MachineError where the image is not to blame.
 */
export async function decodeImage(path: string): Promise<Pixels> {
  return released(await openImage(path));
}

/** The same for a file's bytes; `path` names them in errors. */
export async function decodeBytes(bytes: Buffer, path: string): Promise<Pixels> {
  return released(await limited(bytes, path, (...limits) => decode(bytes, ...limits), OWN));
}

/** What was read, counting in the budget until `release` is called, which must be once. */
export interface Held<T> {
  readonly value: T;
  readonly release: Release;
}

/** As decodeImage, for those who have several images in hand: a large one counts until it is released. */
export async function openImage(path: string, limits = OWN): Promise<Held<Pixels>> {
  const bytes = bytesOf(path);
  return limited(bytes, path, (...within) => decode(bytes, ...within), limits);
}

async function released<T>({ value, release }: Held<T>): Promise<T> {
  await release();
  return value;
}

/** The image at an address in grey, squeezed to side x side, one byte a pixel. Far faster than decoding a large JPEG whole. */
export async function greyThumbnail(path: string, side: number): Promise<Uint8Array> {
  return shrunk(path, (image) =>
    image.resize(side, side, { fit: 'fill' }).toColourspace('b-w').extractChannel(0).raw({ depth: 'uchar' }).toBuffer(),
  );
}

/** The image at an address as a WebP of at most side x side, over white; a small one stays as large as it is. */
export async function smallCopy(path: string, side: number): Promise<Uint8Array> {
  return shrunk(path, (image) =>
    image
      .resize(side, side, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .webp({ quality: 82 })
      .toBuffer(),
  );
}

/** Reads an image for a small copy of it: no more of a large JPEG is decoded than that needs. */
async function shrunk(path: string, small: (image: Sharp) => Promise<Uint8Array>): Promise<Uint8Array> {
  const bytes = bytesOf(path);
  const read = async (most: number, seconds: number): Promise<Uint8Array> => {
    const bmp = isBmp(bytes) ? decodeBmp(bytes, most) : undefined;
    return small(
      bmp
        ? sharp(bmp.data, { raw: { width: bmp.width, height: bmp.height, channels: 3 } })
        : opened(bytes, most, seconds).flatten({ background: '#ffffff' }),
    );
  };
  return released(await limited(bytes, path, read, OWN));
}

/** Pixels of the image at an address, without decoding it; undefined where it cannot be read. */
export async function pixelCount(path: string): Promise<number | undefined> {
  try {
    return await claimedPixels(readImageBytes(path));
  } catch {
    return undefined;
  }
}

const SHUT = 'Give yourself permission, or delete the file';

function bytesOf(path: string): Buffer {
  try {
    return readImageBytes(path);
  } catch (error) {
    const failed = error as NodeJS.ErrnoException;
    const refusal = fileError(failed, briefAddress(path), 'read it');
    // A bad sector is the one file's own; too many open files are not.
    if (refusal instanceof MachineError && failed.code !== 'EIO') throw refusal;
    const remedies = { ENOENT: 'Check the path', EACCES: SHUT, EPERM: SHUT } as Readonly<Record<string, string>>;
    throw cannotRead(path, describeReadError(failed), remedies[failed.code ?? '']);
  }
}

/**
 * Reads bytes of one of the formats with a limit of pixels, in bounded time: small images at once, larger ones when the budget
 * has room for what their header claims, which is then what they may have.
 */
async function limited<T>(
  bytes: Buffer,
  path: string,
  read: (most: number, seconds: number) => Promise<T>,
  { budget, seconds }: DecodeLimits,
): Promise<Held<T>> {
  let release: Release = async () => {};
  try {
    checkFormat(bytes);
    const small = await inTime(() => read(FREE_PIXELS, seconds), seconds).catch(unlessTooLarge);
    if (small !== undefined) return { value: small, release };
    const pixels = await claimedPixels(bytes);
    release = await budget.take(pixels);
    return { value: await inTime(() => read(pixels, seconds), seconds), release };
  } catch (error) {
    await release();
    throw cannotRead(path, describeDamage(bytes, error as Error));
  }
}

/** What is said of it as it stands. */
class Refused extends Error {}

function unlessTooLarge(error: unknown): undefined {
  if (error instanceof TooManyPixels || (error as Error).message.includes('exceeds pixel limit')) return undefined;
  throw error;
}

/** Nothing else reaches a decoder, not even for its header. */
function checkFormat(bytes: Buffer): void {
  if (bytes.length === 0) throw new Refused('an empty file (0 bytes)');
  const format = formatOf(bytes);
  if (!format) throw new Refused(otherFormat(bytes));
  const odd = format === 'tiff' ? oddSamples(bytes) : undefined;
  if (odd !== undefined)
    throw new Refused(
      `a TIFF of ${odd} samples, of which the file does not say what is black and what is white. Convert it to 8 or 16 bits`,
    );
}

/** @throws Refused where that is more than one image may have. */
async function claimedPixels(bytes: Buffer): Promise<number> {
  checkFormat(bytes);
  const header = isBmp(bytes) ? bmpSize(bytes) : await sharp(bytes, { limitInputPixels: false }).metadata();
  const { width, height } = header;
  const pixels = width * height;
  if (pixels > MOST_PIXELS)
    throw new Refused(
      `one of ${width} x ${height} pixels; wanted at most ${Math.round(MOST_PIXELS / 1e6)} megapixels. Scale it down`,
    );
  if (pixels > FREE_PIXELS && formatOf(bytes) === 'jpg' && pixels * scansOf(bytes) > MOST_SCANNED)
    throw new Refused(`a JPEG of ${width} x ${height} pixels in ${scansOf(bytes)} scans. Save it again as usual`);
  return pixels;
}

/** Upper bound: the marker of a scan's start may stand in a thumbnail too. */
function scansOf(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf('\xff\xda', 0, 'latin1'); at >= 0; at = bytes.indexOf('\xff\xda', at + 2, 'latin1'))
    count++;
  return count;
}

// failOn 'error', not sharp's 'warning': real data sets hold files with stray bytes that every viewer shows whole.
// 'truncated' would let a cut TIFF pass.
const opened = (bytes: Buffer, most: number, seconds: number): Sharp =>
  endingItself(sharp(bytes, { failOn: 'error', autoOrient: true, limitInputPixels: most }), seconds);

/**
 * The same work, which ends itself and gives its thread back a second after nobody waits for it any more: a thread in C++ cannot
 * be ended from outside, and the process could not leave before it. A WebP or AVIF, which is read in one go, ends when it is read;
 * that is bounded by its pixels.
 */
export const endingItself = (image: Sharp, seconds: number): Sharp =>
  image.timeout({ seconds: Math.ceil(seconds) + 1 });

async function decode(bytes: Buffer, most: number, seconds: number): Promise<Pixels> {
  if (isBmp(bytes)) return decodeBmp(bytes, most);
  const image = opened(bytes, most, seconds).flatten({ background: '#ffffff' }).toColourspace('srgb');
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
  if (error instanceof Refused || error instanceof TooLate) return error.message;
  if (isBmp(bytes)) return damageReason(error);
  return `a damaged or truncated file (${damageReason(error)})`;
}

function cannotRead(path: string, got: string, remedy = 'Replace or delete the file'): UserError {
  return new UserError(`Cannot read image ${briefAddress(path)}: wanted ${wanted}, got ${got}. ${remedy}`);
}
