import { largest } from '../../graph/lists.ts';
import sharp from 'sharp';

/** RGB bytes of a square image. */
export interface Picture {
  readonly side: number;
  readonly data: Uint8Array;
}

/** Image `index` of normalised parameters [B,C,S,S] (C 1 or 3) as 8-bit RGB. */
export function pictureOf(
  values: Float32Array,
  index: number,
  side: number,
  mean: readonly number[],
  std: readonly number[],
): Picture {
  const [channels, pixels] = [mean.length, side * side];
  const data = new Uint8Array(pixels * 3);
  for (let c = 0; c < 3; c++) {
    const own = channels === 1 ? 0 : c;
    const from = (index * channels + own) * pixels;
    for (let p = 0; p < pixels; p++)
      data[p * 3 + c] = Math.min(255, Math.max(0, Math.round((values[from + p]! * std[own]! + mean[own]!) * 255)));
  }
  return { side, data };
}

/** The same bytes for the same picture, on every run. */
export function png({ side, data }: Picture): Promise<Buffer> {
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 9, adaptiveFiltering: false })
    .toBuffer();
}

/** Pixels between pictures. */
const GAP = 2;
/** Small pictures are shown larger. */
const SHOWN_SIDE = 56;

/** Pictures in rows, over white. */
export async function sheet(rows: readonly (readonly Picture[])[]): Promise<Buffer> {
  const side = rows.find((row) => row.length > 0)?.[0]?.side ?? 1;
  const scale = Math.max(1, Math.round(SHOWN_SIDE / side));
  const columns = largest(rows.map((row) => row.length));
  const step = side * scale + GAP;
  const [width, height] = [columns * step + GAP, rows.length * step + GAP];
  const out = new Uint8Array(width * height * 3).fill(255);
  rows.forEach((row, r) => {
    row.forEach((picture, c) => void draw(picture, GAP + c * step, GAP + r * step));
  });
  return sharp(out, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9, adaptiveFiltering: false })
    .toBuffer();

  function draw(picture: Picture, left: number, top: number): void {
    for (let y = 0; y < side * scale; y++)
      for (let x = 0; x < side * scale; x++) {
        const from = (Math.floor(y / scale) * side + Math.floor(x / scale)) * 3;
        out.set(picture.data.subarray(from, from + 3), ((top + y) * width + left + x) * 3);
      }
  }
}
