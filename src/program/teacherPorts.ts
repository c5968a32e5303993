import { input } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Features } from '../models/index.ts';

/** The teacher's features are fed: whether they were computed just now, in 8 bits or long ago, no method can tell. */
const PREFIX = 'teacher.';

/** The features as ports `teacher.<name>`; those that no loss reads are no ports of the program. */
export function teacherPorts(features: Features): Features {
  return mapFeatures(features, (name, { shape }) => input(`${PREFIX}${name}`, shape));
}

export const portOf = (name: string): string => `${PREFIX}${name}`;

/** The names of the features that a program is fed. */
export function fedFeatures(inputs: Iterable<string>): string[] {
  return [...inputs].filter((port) => port.startsWith(PREFIX)).map((port) => port.slice(PREFIX.length));
}

/** Every tensor by a name of its own: `logits`, `tokens.3`, `maps.s1`. */
export function namedFeatures(features: Features): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  mapFeatures(features, (name, tensor) => {
    named.set(name, tensor);
    return tensor;
  });
  return named;
}

function mapFeatures(features: Features, change: (name: string, tensor: Tensor) => Tensor): Features {
  const mapped = (name: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((inner, i) => mapped(`${name}.${i}`, inner));
    if (value === null || typeof value !== 'object') return value;
    if ('node' in value) return change(name, value as Tensor);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapped(`${name}.${key}`, inner)]));
  };
  return Object.fromEntries(
    Object.entries(features).map(([name, value]) => [name, mapped(name, value)]),
  ) as unknown as Features;
}
