import { input } from '../graph/build.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { ParamSpec } from '../nn/scope.ts';
import { reshape, slice } from '../ops/movement.ts';
import type { Transform } from '../optim/transform.ts';

/**
 * Parameters live in a few long vectors: weights that decay, those of them that the optimiser wants apart, other parameters, those that a step does not train, buffers, what
 * methods remember. The optimiser then needs a tenth of
 * the nodes, and saving a vector saves all. Each parameter is a slice of its vector, in the order of declaration.
 */
export interface VectorEntry {
  readonly spec: ParamSpec;
  readonly offset: number;
}

export interface Vector {
  readonly name: 'decay' | 'apart' | 'plain' | 'frozen' | 'buffer' | 'state';
  readonly size: number;
  readonly entries: readonly VectorEntry[];
}

/**
 * @param frozen which parameters, by name, the step reads and leaves as they are
 * @param apart which of those that decay have a vector of their own
 */
export function layOut(
  specs: Iterable<ParamSpec>,
  frozen: (name: string) => boolean = () => false,
  apart: NonNullable<Transform['apart']> = () => false,
): Vector[] {
  const groups: Record<Vector['name'], ParamSpec[]> = {
    decay: [],
    apart: [],
    plain: [],
    frozen: [],
    buffer: [],
    state: [],
  };
  const groupOf = (spec: ParamSpec) => {
    if (spec.role !== 'param') return spec.role;
    if (frozen(spec.name)) return 'frozen';
    if (!spec.decay) return 'plain';
    return apart(spec) ? 'apart' : 'decay';
  };
  for (const spec of specs) groups[groupOf(spec)].push(spec);
  return (['decay', 'apart', 'plain', 'frozen', 'buffer', 'state'] as const).flatMap((name) => {
    let size = 0;
    const entries = groups[name].map((spec) => {
      const entry = { spec, offset: size };
      size += sizeOf(spec.shape);
      return entry;
    });
    return size === 0 ? [] : [{ name, size, entries }];
  });
}

/** The vectors that the optimiser moves. */
export const trainedOf = (vectors: readonly Vector[]): Vector[] =>
  vectors.filter(({ name }) => name === 'decay' || name === 'apart' || name === 'plain');

/** The vectors as input ports `param.<vector>`, and every parameter as a view of them. */
export function vectorPorts(vectors: readonly Vector[]): { ports: Map<string, Tensor>; params: Map<string, Tensor> } {
  const [ports, params] = [new Map<string, Tensor>(), new Map<string, Tensor>()];
  for (const { name, size, entries } of vectors) {
    const port = input(`param.${name}`, [size]);
    ports.set(name, port);
    // Slices, not one Split: WebGPU allows a kernel only so many buffers.
    for (const { spec, offset } of entries)
      params.set(spec.name, reshape(slice(port, 0, offset, offset + sizeOf(spec.shape)), spec.shape));
  }
  return { ports, params };
}

/** The named arrays inside a vector's values; they share its memory. */
export function viewsOf(vector: Vector, values: Float32Array): Map<string, Float32Array> {
  return new Map(
    vector.entries.map(({ spec, offset }) => [spec.name, values.subarray(offset, offset + sizeOf(spec.shape))]),
  );
}
