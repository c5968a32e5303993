import sharp from 'sharp';
import { decodeImage } from '../data/images/decodeNode.ts';

const SIDE = 128;

/** Small copies of images as data: addresses, by path; those that cannot be read any more are left out. */
export async function thumbnails(paths: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of new Set(paths)) {
    try {
      const { data, width, height } = await decodeImage(path);
      const small = await sharp(data, { raw: { width, height, channels: 3 } })
        .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
        .webp({ quality: 75 })
        .toBuffer();
      found.set(path, `data:image/webp;base64,${small.toString('base64')}`);
    } catch {
      // The card says that the image is not there.
    }
  }
  return found;
}
