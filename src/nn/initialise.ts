import { sizeOf } from '../graph/shape.ts';
import { type Stream, stream } from '../random/stream.ts';
import type { ParamSpec } from './scope.ts';

/** The first value of a parameter; it depends on the seed and the parameter's name alone. */
export function initialValue({ name, shape, init }: ParamSpec, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  const random = stream(seed, 'init', name);
  if (init.kind === 'constant') return values.fill(init.value);
  if (init.kind === 'values') return Float32Array.from(init.values);
  if (init.kind === 'measured') return values.fill(init.statistic === 'mean' ? 0 : 1);
  if (init.kind === 'orthonormal') return orthonormal(shape, random);
  const draw = drawer(init, random);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

function drawer(
  init: Exclude<ParamSpec['init'], { kind: 'constant' | 'values' | 'orthonormal' | 'measured' }>,
  random: Stream,
): () => number {
  if (init.kind === 'uniform') return () => (2 * random.uniform() - 1) * init.bound;
  if (init.kind === 'normal') return () => random.normal() * init.std;
  // timm cuts at +-2 in absolute value: at std 0.02 that is never reached.
  return () => {
    for (;;) {
      const x = random.normal() * init.std;
      if (Math.abs(x) <= 2) return x;
    }
  };
}

/**
 * The Q of a Gaussian matrix's QR decomposition with a positive diagonal of R: uniform over the orthonormal matrices (Mezzadri,
 * math-ph/0609050). By Gram and Schmidt, each vector twice, which is orthonormal to rounding.
 */
function orthonormal(shape: readonly number[], random: Stream): Float32Array {
  const [rows, columns] = shape as [number, number];
  const [length, count] = rows >= columns ? [rows, columns] : [columns, rows];
  const vectors = Array.from({ length: count }, () => Float64Array.from({ length }, random.normal));
  vectors.forEach((vector, j) => {
    for (let again = 0; again < 2; again++) for (let i = 0; i < j; i++) subtract(vector, vectors[i]!);
    const size = Math.sqrt(dot(vector, vector));
    for (let k = 0; k < length; k++) vector[k] = vector[k]! / size;
  });
  const at = (row: number, column: number) => (rows >= columns ? vectors[column]![row]! : vectors[row]![column]!);
  return Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
}

/** Takes the part along a vector of length 1 out. */
function subtract(from: Float64Array, unit: Float64Array): void {
  const along = dot(from, unit);
  for (let k = 0; k < from.length; k++) from[k] = from[k]! - along * unit[k]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
