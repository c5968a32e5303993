import type { Stream } from '../../random/stream.ts';
import type { Box } from './pixels.ts';

const tries = 10;

/**
 * The box of torchvision's `RandomResizedCrop.get_params` (Szegedy et al. 2014, section 6): its area is a fraction of
 * the image drawn from `scale`, its width / height log-uniform in `ratio`. After ten boxes that do not fit, the largest
 * central box whose ratio is allowed.
 */
export function randomResizedCrop(
  width: number,
  height: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Stream,
): Box {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  for (let i = 0; i < tries; i++) {
    const area = width * height * between(scale[0], scale[1]);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w > 0 && h > 0 && w <= width && h <= height)
      return { top: random.below(height - h + 1), left: random.below(width - w + 1), width: w, height: h };
  }
  return centralBox(width, height, ratio);
}

function centralBox(width: number, height: number, [low, high]: readonly [number, number]): Box {
  // At least one pixel: torchvision rounds a 1 x 40 image's box to nothing at extreme ratios.
  const h = width / height < low ? Math.max(1, Math.min(height, Math.round(width / low))) : height;
  const w = width / height > high ? Math.max(1, Math.min(width, Math.round(height * high))) : width;
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), width: w, height: h };
}
