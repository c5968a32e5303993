import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import sharp from 'sharp';
import type { PresetName } from '../../config/augmentPresets.ts';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import type { LoadedBatch, LoaderOptions } from '../../data/loading/loader.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import type { ImageList } from '../../data/dataset.ts';
import { select } from '../../data/dataset.ts';
import { drawMix } from '../../data/augment/mix.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { chooseSettings, type Settings } from '../plan/defaults.ts';
import { SMALL_SIDE } from '../plan/defaultsTable.ts';
import { openRunData } from '../datasets/openRunData.ts';
import { mixOf, transformOf } from '../datasets/loaders.ts';

/** Images across; epochs that are shown without mixing; draws until mixup and CutMix were both seen. */
const [COLUMNS, EPOCHS, DRAWS] = [8, 5, 40];
const [GAP, MARGIN] = [4, 96];
/** Small images are drawn larger, by whole factors. */
const SHOWN_SIDE = 112;

export interface ContactSheet {
  readonly file: string;
  readonly preset: PresetName;
  readonly imageSize: number;
  /** Relative to the folder. */
  readonly images: readonly string[];
  readonly rows: readonly string[];
}

interface Row {
  readonly label: string;
  /** [3, S, S] planes in 0..1 by column. */
  readonly images: readonly Float32Array[];
}

/**
 * Shows what training sees: some images of a folder, as the loader gives them in its first epochs with a preset, and batches that
 * are mixed. What is erased is shown as grey noise.
 */
export async function contactSheet(
  dir: string,
  preset: PresetName,
  file: string,
  onStart?: () => void,
): Promise<ContactSheet> {
  const input: RunInput = { data: { dir }, student: { name: 'any' }, augment: { preset } };
  const data = await openRunData(parseConfig(runSchema, input, 'config'));
  const small = data.facts.shorterSide <= SMALL_SIDE;
  const student = { name: small ? 'vit_pico_patch4' : 'deit_tiny_patch16_224' };
  const config = parseConfig(runSchema, { ...input, student }, 'config');
  const settings = chooseSettings(config, data.facts, { width: 192, integerLabels: false });
  const list = spread(data.train);
  onStart?.();
  const rows = await rowsOf(list, settings);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, await draw(rows, settings.imageSize));
  const { imageSize } = settings;
  return { file, preset, imageSize, images: list.paths, rows: rows.map(({ label }) => label) };
}

/** At most so many images as there are columns, spread over the list. */
function spread(list: ImageList): ImageList {
  const n = list.paths.length;
  const count = Math.min(COLUMNS, n);
  return select(
    list,
    Array.from({ length: count }, (_, i) => Math.floor((i * n) / count)),
  );
}

async function rowsOf(list: ImageList, settings: Settings): Promise<Row[]> {
  const base = { list, transform: transformOf(settings), batch: list.paths.length, seed: 0, workers: 1, cacheMB: 64 };
  const seen = { ...base, maxBadFraction: 1 };
  const [original] = await batchesOf({ ...seen, train: false }, 1);
  const plain = await batchesOf({ ...seen, train: true }, EPOCHS);
  const { mixup, cutmix, mixProbability } = settings.augment;
  const mixed = mixProbability > 0 && mixup + cutmix > 0;
  const draws = mixed ? await batchesOf({ ...seen, train: true, mix: mixOf(settings) }, DRAWS) : [];
  const kindOf = ({ epoch, step }: LoadedBatch) => drawMix(mixOf(settings), settings.imageSize, 0, epoch, step)!.kind;
  const visible = draws.filter(({ own }) => own > 0.2 && own < 0.8);
  const shown = (['mixup', 'cutmix'] as const).flatMap((kind) =>
    visible
      .filter((batch) => kindOf(batch) === kind)
      .slice(0, 2)
      .map((batch) => ({ batch, kind })),
  );
  const images = (batch: LoadedBatch) => aligned(batch, settings);
  return [
    { label: 'evaluation', images: images(original!) },
    ...plain.map((batch, epoch) => ({ label: `epoch ${epoch + 1}`, images: images(batch) })),
    ...shown.map(({ batch, kind }) => ({ label: `${kind} ${batch.own.toFixed(2)}`, images: images(batch) })),
  ];
}

async function batchesOf(options: LoaderOptions, count: number): Promise<LoadedBatch[]> {
  const loader = createLoader(options);
  const found: LoadedBatch[] = [];
  try {
    for await (const batch of loader.batches()) {
      found.push({ ...batch, images: batch.images.slice() });
      batch.release();
      if (found.length === count) break;
    }
  } finally {
    await loader.close();
  }
  return found;
}

/** The images of a batch in the order of the list, without the normalisation. */
function aligned({ images, indices }: LoadedBatch, { imageSize, augment: { mean, std } }: Settings): Float32Array[] {
  const size = 3 * imageSize ** 2;
  const plane = imageSize ** 2;
  return Array.from(indices, (_, column) => {
    const row = indices.indexOf(column);
    const from = images.subarray(row * size, (row + 1) * size);
    return from.map((x, i) => x * std[Math.floor(i / plane)]! + mean[Math.floor(i / plane)]!);
  });
}

function bytesOf(image: Float32Array, size: number): Buffer {
  const out = Buffer.alloc(3 * size * size);
  for (let i = 0; i < size * size; i++)
    for (let c = 0; c < 3; c++)
      out[3 * i + c] = Math.min(255, Math.max(0, Math.round(255 * image[c * size * size + i]!)));
  return out;
}

async function draw(rows: readonly Row[], size: number): Promise<Buffer> {
  const side = Math.max(1, Math.floor(SHOWN_SIDE / size)) * size;
  const place = (row: number, column: number) => ({
    left: MARGIN + column * (side + GAP),
    top: GAP + row * (side + GAP),
  });
  const panels = rows.flatMap(({ images }, row) => images.map((image, column) => ({ image, ...place(row, column) })));
  const inputs = await Promise.all(
    panels.map(async ({ image, left, top }) => {
      const raw = { width: size, height: size, channels: 3 } as const;
      const png = sharp(bytesOf(image, size), { raw }).resize(side, side, { kernel: 'nearest' }).png();
      return { input: await png.toBuffer(), left, top };
    }),
  );
  const end = place(rows.length, rows[0]!.images.length);
  const labels = rows.map(
    ({ label }, row) => `<text x="8" y="${place(row, 0).top + side / 2}" font-size="13">${label}</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${MARGIN}" height="${end.top}" font-family="sans-serif">${labels.join('')}</svg>`;
  return sharp({ create: { width: end.left, height: end.top, channels: 3, background: '#ffffff' } })
    .composite([...inputs, { input: Buffer.from(svg), left: 0, top: 0 }])
    .png()
    .toBuffer();
}
