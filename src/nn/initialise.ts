import { sizeOf } from '../graph/shape.ts';
import { type Stream, stream } from '../random/stream.ts';
import type { ParamSpec } from './scope.ts';

/** The first value of a parameter; it depends on the seed and the parameter's name alone. */
export function initialValue({ name, shape, init }: ParamSpec, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  const random = stream(seed, 'init', name);
  if (init.kind === 'constant') return values.fill(init.value);
  if (init.kind === 'values') return Float32Array.from(init.values);
  const draw = drawer(init, random);
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

function drawer(init: Exclude<ParamSpec['init'], { kind: 'constant' | 'values' }>, random: Stream): () => number {
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
