import { UserError } from '../graph/errors.ts';
import { type Filter, FILTERS } from '../nn/resampling.ts';
import { asObject, type Json, show } from './jsonValue.ts';
import type { Preprocessing } from './savedModel.ts';

/** How a model's own library prepares images, as far as the files say it. */
export type ReadPreprocessing = Partial<Preprocessing> & {
  /** What is done otherwise here. */
  readonly notes: readonly string[];
};

type Triple = readonly [number, number, number];

/** From transformers' preprocessor_config.json, else from timm's pretrained_cfg. */
export function preprocessingOf(file: Json | undefined, card: Json | undefined, where: string): ReadPreprocessing {
  if (file !== undefined) return fromTransformers(file, where);
  return card === undefined ? { notes: [] } : fromTimm(card, where);
}

/** timm: input_size [3,S,S], crop_pct, mean, std, interpolation. */
function fromTimm(card: Json, where: string): ReadPreprocessing {
  const [, rows, columns] = Array.isArray(card.input_size) ? (card.input_size as unknown[]) : [];
  if (rows !== columns) throw new UserError(`${where}: input_size: wanted square images, got ${show(card.input_size)}`);
  return {
    ...(Number.isInteger(rows) ? { imageSize: rows as number } : {}),
    ...(inUnit(card.crop_pct) ? { evalCropRatio: card.crop_pct } : {}),
    ...triple('mean', card.mean, where),
    ...triple('std', card.std, where),
    ...resampling(card.interpolation ?? 'bicubic'),
  };
}

function fromTransformers(file: Json, where: string): ReadPreprocessing {
  const geometry = geometryOf(file, where);
  const resized = resampling(file.resample ?? 3);
  const plain = file.do_normalize === false;
  const factor = typeof file.rescale_factor === 'number' && file.do_rescale !== false ? file.rescale_factor * 255 : 1;
  const scaled = ([a, b, c]: Triple): Triple => [a / factor, b / factor, c / factor];
  const mean = plain ? ([0, 0, 0] as const) : triple('image_mean', file.image_mean, where).image_mean;
  const std = plain ? ([1, 1, 1] as const) : triple('image_std', file.image_std, where).image_std;
  return {
    ...geometry,
    ...(mean ? { mean: scaled(mean) } : {}),
    ...(std ? { std: scaled(std) } : {}),
    ...resized,
    notes: [...geometry.notes, ...resized.notes],
  };
}

/** Size of the input, and which part of the resized shorter side it is. */
function geometryOf(file: Json, where: string): Pick<ReadPreprocessing, 'imageSize' | 'evalCropRatio' | 'notes'> {
  const size = sideOf(file.size, where, 'size');
  const crop = file.do_center_crop === false ? undefined : sideOf(file.crop_size, where, 'crop_size');
  if (size === undefined) return { notes: [] };
  if (crop !== undefined) return { imageSize: crop, evalCropRatio: Math.min(1, crop / size), notes: [] };
  // ConvNextImageProcessor: below 384 px the shorter side to size / crop_pct, from there on a plain resize.
  if (inUnit(file.crop_pct) && size < 384) return { imageSize: size, evalCropRatio: file.crop_pct, notes: [] };
  const squashed = `the model's own preparation resizes images to ${size} x ${size} px whatever their shape; here the shorter side is resized and the centre cut out`;
  const keeps = typeof file.size === 'object' && file.size !== null && 'shortest_edge' in file.size;
  return { imageSize: size, evalCropRatio: 1, notes: keeps ? [] : [squashed] };
}

/** A square side: a number, {height, width} or {shortest_edge}. */
function sideOf(value: unknown, where: string, key: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const { shortest_edge: shortest, height, width } = asObject(value);
  const side = typeof value === 'number' ? value : (shortest ?? height);
  if (Number.isInteger(side) && (side as number) > 0 && (height === undefined || height === width))
    return side as number;
  throw new UserError(`${where}: ${key}: wanted the side of a square in pixels, got ${show(value)}`);
}

const inUnit = (value: unknown): value is number => typeof value === 'number' && value > 0 && value <= 1;

function triple<K extends string>(key: K, value: unknown, where: string): Partial<Record<K, Triple>> {
  if (value === undefined || value === null) return {};
  const good = Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
  if (good && (!key.includes('std') || value.every((part: number) => part > 0)))
    return { [key]: value as unknown as Triple } as Record<K, Triple>;
  throw new UserError(
    `${where}: ${key}: wanted three numbers${key.includes('std') ? ' above 0' : ''}, got ${show(value)}`,
  );
}

/** Pillow's number or timm's name of the filter. */
function resampling(value: unknown): { readonly filter?: Filter; readonly notes: readonly string[] } {
  const filter = FILTERS.find((name, number) => value === number || value === name);
  if (filter !== undefined) return { ...(filter === 'bicubic' ? {} : { filter }), notes: [] };
  return {
    notes: [
      `the model's own preparation resizes with the filter ${show(value)}, which is not known; here it is bicubic (known: ${FILTERS.join(', ')})`,
    ],
  };
}
