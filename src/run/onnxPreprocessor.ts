import { UserError } from '../graph/errors.ts';

type Triple = readonly [number, number, number];

/** What a preprocessor_config.json of transformers, timm or Understudy says. */
export interface Preprocessor {
  readonly imageSize: number | undefined;
  readonly mean: Triple | undefined;
  readonly std: Triple | undefined;
  readonly evalCropRatio: number | undefined;
}

/** @throws UserError where a field is not what it should be. */
export function readPreprocessor(
  file: { readonly path: string; readonly value: Record<string, unknown> } | undefined,
): Preprocessor | undefined {
  if (!file) return undefined;
  const { path, value } = file;
  if (value.do_rescale === false || Math.abs(Number(value.rescale_factor ?? 1 / 255) * 255 - 1) > 1e-3)
    throw new UserError(
      `${path}: wanted pixels that are divided by 255 (rescale_factor), got ${JSON.stringify(value.rescale_factor)}`,
    );
  const plain = value.do_normalize === false;
  const resized = sideOf(value.size);
  const crop = value.do_center_crop === false ? undefined : sideOf(value.crop_size);
  const imageSize = crop ?? resized;
  const ratio = crop !== undefined && resized !== undefined ? Math.min(1, crop / resized) : 1;
  return {
    imageSize,
    mean: plain ? [0, 0, 0] : triple(value.image_mean, `${path}: image_mean`),
    std: plain ? [1, 1, 1] : triple(value.image_std, `${path}: image_std`),
    evalCropRatio: typeof value.crop_pct === 'number' ? value.crop_pct : ratio,
  };
}

/** A number, {height, width} or {shortest_edge}. */
function sideOf(size: unknown): number | undefined {
  if (typeof size === 'number') return size;
  const { height, shortest_edge: edge } = (size ?? {}) as { height?: unknown; shortest_edge?: unknown };
  const side = height ?? edge;
  return typeof side === 'number' ? side : undefined;
}

function triple(value: unknown, where: string): Triple | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length !== 3 || !value.every(Number.isFinite))
    throw new UserError(`${where}: wanted three numbers, got ${JSON.stringify(value)}`);
  return value as unknown as Triple;
}
