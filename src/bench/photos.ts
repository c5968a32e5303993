import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Stream, stream } from '../random/stream.ts';

const [WIDTH, HEIGHT] = [500, 375];
const CLASSES = 2;
/**
 * Photographs have nearly the same contrast at every scale (amplitudes fall with the frequency, Field 1987), and their channels
 * are nearly equal. Our choice: the finer half falls off a little faster; quality 95 gives about 90 kB an image, beside the 110 kB
 * of ImageNet's mean.
 */
const [FALL_OFF, GREY, CONTRAST, QUALITY] = [0.35, 0.8, 0.6, 95];

export interface Photos {
  readonly dir: string;
  /** Mean bytes of a file. */
  readonly bytes: number;
  remove(): void;
}

/** Seeded JPEGs of 500 x 375 pixels in class folders of a temporary folder: sums of smooth noise of every size. */
export async function makePhotos(images: number): Promise<Photos> {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-bench-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  try {
    for (let label = 0; label < CLASSES; label++) mkdirSync(join(dir, `class${label}`));
    let bytes = 0;
    for (let i = 0; i < images; i++) {
      const path = join(dir, `class${i % CLASSES}`, `${i}.jpg`);
      const raw = { width: WIDTH, height: HEIGHT, channels: 3 } as const;
      await sharp(await photo(i), { raw })
        .jpeg({ quality: QUALITY })
        .toFile(path);
      bytes += (await stat(path)).size;
    }
    return { dir, bytes: Math.round(bytes / images), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function photo(seed: number): Promise<Uint8Array> {
  const random = stream('bench photo', seed);
  const sum = new Float32Array(WIDTH * HEIGHT * 3);
  for (let side = 2; side <= 512; side *= 2) {
    const noise = await smoothNoise(random, side);
    const share = CONTRAST * side ** -FALL_OFF;
    for (let i = 0; i < sum.length; i += 3) {
      const grey = noise[i]! - 128;
      for (let c = 0; c < 3; c++) sum[i + c]! += share * (GREY * grey + (1 - GREY) * (noise[i + c]! - 128));
    }
  }
  const pixels = new Uint8ClampedArray(sum.length);
  for (let i = 0; i < sum.length; i++) pixels[i] = 128 + sum[i]!;
  return new Uint8Array(pixels.buffer);
}

/** Bytes of white noise; every image takes other parts of them. */
const NOISE = ((random: Stream) => Uint8Array.from({ length: 2 ** 20 }, () => random.below(256)))(
  stream('bench noise'),
);

function smoothNoise(random: Stream, side: number): Promise<Buffer> {
  const [width, height] = [Math.min(side, WIDTH), Math.min(Math.ceil(side * 0.75), HEIGHT)];
  const length = width * height * 3;
  const from = random.below(NOISE.length - length);
  return sharp(NOISE.subarray(from, from + length), { raw: { width, height, channels: 3 } })
    .resize(WIDTH, HEIGHT, { kernel: 'cubic', fit: 'fill' })
    .raw()
    .toBuffer();
}
