import sharp from 'sharp';
import { largest } from '../../graph/lists.ts';
import { viridis } from '../../analysis/colours.ts';
import { text } from '../../analysis/svg.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import type { ClassAttention } from './features.ts';

/** A panel's least side in pixels; smaller pictures are enlarged by a whole factor. */
const LEAST_SIDE = 192;
const [GAP, LABEL, COLUMNS] = [8, 22, 4];
/** Share of the attention's colour over the grey picture. Our choice. */
const COVER = 0.6;

/**
 * The picture as the model sees it, then the class token's attention over it in grey: mean of the heads and each head, every one
 * from 0 (dark) to its own largest value (yellow), bicubic between the patches' centres. A PNG.
 */
export async function attentionPicture(image: Pixels, attention: ClassAttention): Promise<Buffer> {
  const factor = Math.max(1, Math.ceil(LEAST_SIDE / image.width));
  const side = factor * image.width;
  const picture = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(side, side, { kernel: 'nearest' })
    .raw()
    .toBuffer();
  const maps = [
    { label: `mean of ${attention.heads.length} heads`, values: attention.mean },
    ...attention.heads.map((values, head) => ({ label: `head ${head}`, values })),
  ];
  const panels: { label: string; data: Buffer }[] = [{ label: 'input', data: picture }];
  for (const { label, values } of maps)
    panels.push({ label, data: overlay(picture, await upsampled(values, attention, factor, side), side) });
  return joined(panels, side);
}

/** Attention from 0 to 255 at each pixel of a panel; pixels beyond the patches have 0. */
async function upsampled(
  values: readonly number[],
  { rows, columns, patch }: ClassAttention,
  factor: number,
  side: number,
): Promise<Buffer> {
  const most = largest(values);
  const bytes = Uint8Array.from(values, (value) => (most > 0 ? Math.round((255 * value) / most) : 0));
  const [width, height] = [columns * patch * factor, rows * patch * factor];
  const map = await sharp(bytes, { raw: { width: columns, height: rows, channels: 1 } })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .extend({ right: side - width, bottom: side - height, background: '#000000' })
    .extractChannel(0)
    .raw()
    .toBuffer();
  return map;
}

function overlay(picture: Buffer, map: Buffer, side: number): Buffer {
  const out = Buffer.alloc(side * side * 3);
  for (let at = 0; at < side * side; at++) {
    const colour = viridis(map[at]! / 255);
    const [r, g, b] = [picture[3 * at]!, picture[3 * at + 1]!, picture[3 * at + 2]!];
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    for (let c = 0; c < 3; c++) out[3 * at + c] = Math.round((1 - COVER) * grey + COVER * colour[c]!);
  }
  return out;
}

/** Panels in rows of at most four, each under its label. */
function joined(panels: readonly { readonly label: string; readonly data: Buffer }[], side: number): Promise<Buffer> {
  const columns = Math.min(COLUMNS, panels.length);
  const width = GAP + columns * (side + GAP);
  const height = Math.ceil(panels.length / columns) * (side + LABEL + GAP);
  const at = (i: number) => ({
    left: GAP + (i % columns) * (side + GAP),
    top: Math.floor(i / columns) * (side + LABEL + GAP) + LABEL,
  });
  const labels = panels.map(({ label }, i) => text(at(i).left, at(i).top - 7, label, { size: 13 }));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">${labels.join('')}</svg>`;
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([
      ...panels.map(({ data }, i) => ({
        input: data,
        raw: { width: side, height: side, channels: 3 as const },
        ...at(i),
      })),
      { input: Buffer.from(svg), left: 0, top: 0 },
    ])
    .png()
    .toBuffer();
}
