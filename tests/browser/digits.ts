import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';

const SIDE = 28;

/** Real digits of the package `mnist` as class folders: `train` and `val` of each digit. */
export async function writeDigits(
  dir: string,
  counts: { readonly train: number; readonly val: number },
): Promise<void> {
  const folder = join(createRequire(import.meta.url).resolve('mnist'), '..', 'digits');
  for (let digit = 0; digit < 10; digit++) {
    const { data } = JSON.parse(readFileSync(join(folder, `${digit}.json`), 'utf8')) as { data: number[] };
    let at = 0;
    for (const part of ['train', 'val'] as const) {
      mkdirSync(join(dir, part, String(digit)), { recursive: true });
      for (let i = 0; i < counts[part]; i++, at += SIDE * SIDE) {
        const grey = Uint8Array.from(data.slice(at, at + SIDE * SIDE), (value) => Math.round(value * 255));
        await sharp(grey, { raw: { width: SIDE, height: SIDE, channels: 1 } })
          .png()
          .toFile(join(dir, part, String(digit), `${i}.png`));
      }
    }
  }
}
