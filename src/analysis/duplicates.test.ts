import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { findDuplicates, THUMBNAIL } from './duplicates.ts';

/** Smooth random pictures, as photographs are. */
async function picture(seed: number): Promise<Buffer> {
  const random = stream(seed, 'picture');
  const coarse = Uint8Array.from({ length: 6 * 6 * 3 }, () => random.below(256));
  return sharp(coarse, { raw: { width: 6, height: 6, channels: 3 } })
    .resize(96, 80, { kernel: 'cubic', fit: 'fill' })
    .png()
    .toBuffer();
}

const thumbnail = async (image: Buffer): Promise<Uint8Array> =>
  new Uint8Array(await sharp(image).greyscale().resize(THUMBNAIL, THUMBNAIL, { fit: 'fill' }).raw().toBuffer());

describe('findDuplicates', () => {
  it('finds copies that were scaled and compressed, and takes no others for copies', async () => {
    const originals = await Promise.all(Array.from({ length: 60 }, (_, i) => picture(i)));
    const copies = [
      await sharp(originals[3]).jpeg({ quality: 40 }).toBuffer(),
      await sharp(originals[7]).resize(64, 53, { fit: 'fill' }).webp({ quality: 50 }).toBuffer(),
      await sharp(originals[3]).resize(200, 170, { fit: 'fill' }).jpeg({ quality: 70 }).toBuffer(),
    ];
    const groups = findDuplicates(await Promise.all([...originals, ...copies].map(thumbnail)));
    expect(groups).toEqual([
      [3, 60, 62],
      [7, 61],
    ]);
  });

  it('takes pictures with one background and different things on it for different', () => {
    const dot = (at: number) =>
      Uint8Array.from({ length: THUMBNAIL ** 2 }, (_, i) =>
        Math.abs(i - at) % THUMBNAIL < 5 && Math.abs(i - at) < 70 ? 255 : 0,
      );
    expect(findDuplicates([40, 90, 140, 190].map(dot))).toEqual([]);
    expect(findDuplicates([40, 90, 40].map(dot))).toEqual([[0, 2]]);
  });

  it('groups a crowd of equal pictures and none is no group', () => {
    const plain = Array.from({ length: 200 }, () => new Uint8Array(THUMBNAIL ** 2).fill(9));
    expect(findDuplicates(plain)).toEqual([Array.from({ length: 200 }, (_, i) => i)]);
    expect(findDuplicates([])).toEqual([]);
  });
});
