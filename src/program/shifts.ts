import type { Stream } from '../random/stream.ts';

/** How a step sees the images: shifted by so many pixels round the edge, then perhaps mirrored. */
export interface Shift {
  readonly down: number;
  readonly right: number;
  readonly mirrored: boolean;
}

/** Up to `jitter` pixels each way, all alike likely; mirrored with probability `flip`. */
export function drawShift(jitter: number, flip: number, random: Stream): Shift {
  const pixels = () => random.below(2 * jitter + 1) - jitter;
  return { down: pixels(), right: pixels(), mirrored: random.uniform() < flip };
}

/** The 0/1 matrices of a shift for images of a side: `rows` x `columns` is the shifted image (torch.roll, then flip). */
export function shiftMatrices(
  { down, right, mirrored }: Shift,
  side: number,
): { rows: Float32Array; columns: Float32Array } {
  const [rows, columns] = [new Float32Array(side * side), new Float32Array(side * side)];
  const from = (place: number, shift: number) => (((place - shift) % side) + side) % side;
  for (let i = 0; i < side; i++) {
    rows[i * side + from(i, down)] = 1;
    columns[from(mirrored ? side - 1 - i : i, right) * side + i] = 1;
  }
  return { rows, columns };
}
