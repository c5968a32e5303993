import type { Box } from './pixels.ts';

/**
 * Evaluation geometry: resize the shorter side to round(size / cropRatio), keeping the aspect, then cut the central
 * size x size. The longer side is truncated and offsets are rounded half to even, both as torchvision's Resize and
 * CenterCrop do, so a teacher's reported accuracy is measured on its own pixels.
 */
export function centerCrop(
  width: number,
  height: number,
  size: number,
  cropRatio: number,
): { resized: { width: number; height: number }; box: Box } {
  const short = Math.max(size, Math.round(size / cropRatio));
  const long = Math.max(short, Math.floor((short * Math.max(width, height)) / Math.min(width, height)));
  const resized = width <= height ? { width: short, height: long } : { width: long, height: short };
  const left = roundHalfEven((resized.width - size) / 2);
  const top = roundHalfEven((resized.height - size) / 2);
  return { resized, box: { left, top, width: size, height: size } };
}

function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
