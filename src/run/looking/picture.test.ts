import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { attentionPicture } from './picture.ts';

/** Panels lie 8 px apart, each under 22 px of label; 12 px of input become 192. */
const SIDE = 192;

async function panels(image: number[]) {
  const data = Uint8Array.from({ length: 12 * 12 * 3 }, (_, at) => image[at % 3]!);
  // Patches of 4 px; head 0 sees the upper left one only, head 1 the last of the middle row, the class token half of each.
  const heads = [
    [0.8, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0.4, 0, 0, 0],
  ];
  const mean = heads[0]!.map((value, j) => (value + heads[1]![j]!) / 2);
  const png = await attentionPicture({ data, width: 12, height: 12 }, { rows: 3, columns: 3, patch: 4, heads, mean });
  const { data: bytes, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  /** Colour in panel `n` at parts of its side. */
  return (n: number, x: number, y: number) => {
    const [left, top] = [8 + n * (SIDE + 8) + Math.floor(x * SIDE), 22 + Math.floor(y * SIDE)];
    return [...bytes.subarray((top * info.width + left) * 3, (top * info.width + left) * 3 + 3)];
  };
}

describe('attention picture', () => {
  it('shows the input as it is, then each map bright where its patch is and dark elsewhere', async () => {
    const at = await panels([100, 100, 100]);
    const [low, high] = [
      [81, 41, 90],
      [192, 179, 62],
    ];
    expect(at(0, 0.5, 0.5)).toEqual([100, 100, 100]);
    const close = (colour: number[], want: number[]) =>
      colour.forEach((value, c) => void expect(Math.abs(value - want[c]!)).toBeLessThan(16));
    close(at(2, 0.16, 0.16), high);
    close(at(2, 0.84, 0.5), low);
    close(at(3, 0.84, 0.5), high);
    close(at(3, 0.16, 0.16), low);
    // The mean has its largest value where head 0 looks, half of it where head 1 does.
    close(at(1, 0.16, 0.16), high);
    close(at(1, 0.84, 0.5), [60, 127, 124]);
  });

  it('lays the colours over a grey picture', async () => {
    const [red, grey] = [await panels([255, 0, 0]), await panels([76, 76, 76])];
    expect(red(0, 0.5, 0.5)).toEqual([255, 0, 0]);
    expect(red(2, 0.5, 0.9)).toEqual(grey(2, 0.5, 0.9));
  });
});
