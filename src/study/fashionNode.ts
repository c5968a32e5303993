import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { greyBmp } from './greyBmp.ts';
import { parseIdx } from './idx.ts';

/** Where Debian's package dataset-fashion-mnist puts its files. */
const INSTALLED = '/usr/share/datasets/fashion-mnist';

/** By label. */
const CLASSES = [
  ...['t-shirt', 'trouser', 'pullover', 'dress', 'coat'],
  ...['sandal', 'shirt', 'sneaker', 'bag', 'ankle-boot'],
];

/** How many are written at once. */
const AT_ONCE = 500;

/** Whether the images are there, or can be written. */
export const fashionAvailable = (dir: string, source = INSTALLED): boolean => existsSync(dir) || existsSync(source);

/**
 * Writes Fashion-MNIST (Zalando, MIT licence: arXiv 1708.07747) as a class folder of 28 px BMPs: its 60,000 training images in
 * `train/<class>/`, its 10,000 test images in `test/<class>/`. A folder that is already there is left alone.
 * @throws UserError where the Debian package is not installed, or a file is damaged.
 */
export async function writeFashionFolder(dir: string, source = INSTALLED): Promise<void> {
  if (existsSync(dir)) return;
  const parts = { train: await readPart(source, 'train'), test: await readPart(source, 't10k') };
  await replaceFolderAtomic(dir, async (folder) => {
    for (const [part, { images, labels, rows, columns }] of Object.entries(parts)) {
      for (const name of CLASSES) await mkdir(join(folder, part, name), { recursive: true });
      const write = async (i: number) => {
        const path = join(folder, part, CLASSES[labels[i]!]!, `${String(i).padStart(5, '0')}.bmp`);
        const pixels = images.subarray(i * rows * columns, (i + 1) * rows * columns);
        await writeFile(path, greyBmp(pixels, columns, rows));
      };
      for (let from = 0; from < labels.length; from += AT_ONCE)
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, labels.length - from) }, (_, i) => write(from + i)));
    }
  });
}

async function readPart(source: string, name: string) {
  const imagesFile = join(source, `${name}-images-idx3-ubyte.gz`);
  const labelsFile = join(source, `${name}-labels-idx1-ubyte.gz`);
  const [images, labels] = [await readIdx(imagesFile), await readIdx(labelsFile)];
  const [count, rows, columns] = images.shape;
  if (images.shape.length !== 3 || labels.shape.length !== 1 || count !== labels.shape[0])
    throw new UserError(
      `${imagesFile}: wanted as many images as ${labelsFile} has labels, got ${images.shape.join(' x ')} and ${labels.shape.join(' x ')}; install dataset-fashion-mnist again`,
    );
  const odd = labels.data.find((label) => label >= CLASSES.length);
  if (odd !== undefined)
    throw new UserError(`${labelsFile}: wanted labels from 0 to 9, got ${odd}; install dataset-fashion-mnist again`);
  return { images: images.data, labels: labels.data, rows: rows!, columns: columns! };
}

async function readIdx(path: string) {
  if (!existsSync(path))
    throw new UserError(
      `prepare: fashion: wanted ${path} of Debian's package dataset-fashion-mnist, got no such file; apt-get install dataset-fashion-mnist`,
    );
  const packed = await readFile(path);
  let bytes: Uint8Array;
  try {
    bytes = gunzipSync(packed);
  } catch (error) {
    throw new UserError(
      `${path}: wanted a gzip file, got: ${(error as Error).message}; install dataset-fashion-mnist again`,
    );
  }
  return parseIdx(bytes, path);
}
