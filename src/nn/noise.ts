import type { Stream } from '../random/stream.ts';
import { sizeOf } from '../graph/shape.ts';
import type { NoiseSpec } from './scope.ts';

export function drawNoise({ shape, keep }: NoiseSpec, random: Stream): Uint8Array {
  return Uint8Array.from({ length: sizeOf(shape) }, () => (random.uniform() < keep ? 1 : 0));
}
