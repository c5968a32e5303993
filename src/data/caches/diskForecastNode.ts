import { join } from 'node:path';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { ImageList } from '../dataset.ts';
import { pixelCount } from '../images/decodeNode.ts';
import { DiskCache, imageKey, pixelForm } from './diskCacheNode.ts';

/** Our choice: so many images, spread over the list, stand for all; photos of a camera differ little in size. */
const SAMPLE = 64;

/** What the decoded images of a list take on the disk, and how much of that is there already: both by a sample. */
export async function forecastDiskCache(
  dir: string,
  list: ImageList,
  transform: TransformConfig,
  train: boolean,
): Promise<{ readonly bytes: number; readonly stored: number }> {
  const form = pixelForm(transform, train);
  const setup = { dir, maxBytes: 0, used: new SharedArrayBuffer(8), hold: '', spareBytes: 0 };
  const cache = new DiskCache(setup, form, () => undefined);
  const count = Math.min(SAMPLE, list.paths.length);
  let [readable, bytes, stored] = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const address = join(list.root, list.paths[Math.floor((i * list.paths.length) / count)]!);
    const pixels = await pixelCount(address);
    if (pixels === undefined) continue;
    const size = 3 * (form === 'decoded' ? pixels : transform.imageSize ** 2);
    const key = imageKey(address);
    readable++;
    bytes += size;
    if (key !== undefined && cache.has(key)) stored += size;
  }
  const all = readable === 0 ? 0 : list.paths.length / readable;
  return { bytes: bytes * all, stored: stored * all };
}
