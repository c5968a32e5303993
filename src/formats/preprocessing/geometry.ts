import { UserError } from '../../graph/errors.ts';

/** To which size an image is brought before its centre is cut out. */
export type Resize =
  /** The shorter side to `side` px; the longer one keeps the aspect, truncated (torchvision, transformers). */
  | { readonly to: 'shorter'; readonly side: number }
  /** The longer side to `side` px, both rounded half to even (timm's ResizeKeepRatio). */
  | { readonly to: 'longer'; readonly side: number }
  /** Both sides, whatever the aspect was. */
  | { readonly to: 'exactly'; readonly width: number; readonly height: number }
  /** As it is; unless it is `cut`, it must have the model's size already. */
  | { readonly to: 'nothing'; readonly cut: boolean };

/** How an image of any shape becomes the square that a model sees: resized, then its centre, laid on `fill` where it is smaller. */
export interface Geometry {
  readonly resize: Resize;
  /**
   * Where the centre lies when the margin is odd. 'even': half of it, halves to the even number, where the image is padded the
   * smaller half first (torchvision's CenterCrop, timm). 'floor': half of it, rounded down (transformers' center_crop).
   */
  readonly centre: 'even' | 'floor';
  /** R, G, B of what lies beyond the image; black unless told. */
  readonly fill?: readonly number[];
}

/** What a model says of its square: a whole geometry, or the part of the shorter side that the centre keeps. */
export interface Square {
  readonly imageSize: number;
  readonly evalCropRatio: number;
  /** Wins over `evalCropRatio`. */
  readonly geometry?: Geometry | undefined;
}

/**
 * The usual geometry of evaluation: the shorter side to floor(size / ratio), then the centre. Sources: timm's
 * transforms_imagenet_eval (math.floor), DeiT's datasets.py (int).
 */
export const geometryOf = ({ imageSize, evalCropRatio, geometry }: Square): Geometry =>
  geometry ?? { resize: { to: 'shorter', side: Math.floor(imageSize / evalCropRatio) }, centre: 'even' };

/** The size that a width x height image is brought to, and which part of it is the square; that part may reach beyond it. */
export function placeSquare(
  width: number,
  height: number,
  imageSize: number,
  { resize, centre }: Geometry,
): {
  readonly resized: { readonly width: number; readonly height: number };
  readonly box: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
} {
  const resized = resizedTo(width, height, resize);
  if (resize.to === 'nothing' && !resize.cut && (width !== imageSize || height !== imageSize))
    throw new UserError(
      `wanted an image of ${imageSize} x ${imageSize} px, got ${width} x ${height}: the model's preprocessor_config.json resizes nothing (do_resize false). Bring images to this size, or set do_resize to true`,
    );
  const offset = (side: number) =>
    centre === 'floor' ? Math.floor((side - imageSize) / 2) : evenHalf(side - imageSize);
  const box = { left: offset(resized.width), top: offset(resized.height), width: imageSize, height: imageSize };
  return { resized, box };
}

function resizedTo(width: number, height: number, resize: Resize): { width: number; height: number } {
  if (resize.to === 'nothing') return { width, height };
  if (resize.to === 'exactly') return { width: resize.width, height: resize.height };
  const { side } = resize;
  if (resize.to === 'longer') {
    const ratio = Math.max(height / side, width / side);
    return { width: Math.max(1, roundHalfEven(width / ratio)), height: Math.max(1, roundHalfEven(height / ratio)) };
  }
  const long = Math.floor((side * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: side, height: long } : { width: long, height: side };
}

/** torchvision: round(margin / 2); of a missing margin the smaller half comes first. */
const evenHalf = (margin: number): number => (margin < 0 ? 0 - Math.floor(-margin / 2) : roundHalfEven(margin / 2));

/** Python's round(). */
export function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** The same for an input of another size: what is resized to grows with it, truncated as in `geometryOf`. */
export function fitGeometry(geometry: Geometry, from: number, to: number): Geometry {
  const { resize } = geometry;
  if (from === to || resize.to === 'nothing') return geometry;
  const fitted = (side: number) => Math.max(1, Math.floor((side * to) / from));
  if (resize.to !== 'exactly') return { ...geometry, resize: { ...resize, side: fitted(resize.side) } };
  return { ...geometry, resize: { ...resize, width: fitted(resize.width), height: fitted(resize.height) } };
}

/** In words, for people. */
export function geometryText(square: Square, filter: string): string {
  const { resize, fill } = geometryOf(square);
  const size = square.imageSize;
  const cut = `centre crop of ${size} px`;
  switch (resize.to) {
    case 'nothing':
      return resize.cut ? `not resized, ${cut}` : `not resized: images must have ${size} x ${size} px`;
    case 'exactly': {
      const plain = resize.width === size && resize.height === size;
      return `resized to ${resize.width} x ${resize.height} px whatever its shape (${filter})${plain ? '' : `, ${cut}`}`;
    }
    case 'longer':
      return `longer side to ${resize.side} px (${filter}), laid on a square of ${size} px${fill ? ` of the colour ${fill.join(' ')}` : ''}`;
    case 'shorter':
      return `shorter side to ${resize.side} px (${filter}), ${cut}`;
  }
}
