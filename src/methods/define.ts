import type { ZodType, z } from 'zod';
import type { Method } from './method.ts';

/** A method whose settings have the type of its schema. */
type MethodOf<S extends ZodType> = Omit<Method<z.output<S>>, 'config'> & { readonly config: S };

/**
 * A method of your own, typed: `config` is the schema of its settings, and `needs`, `loss` and all else see settings of that schema.
 * It is given to `distill` or `train` as it is, or named in settings beside `methods: [it]`.
 */
export function defineMethod<S extends ZodType>(method: MethodOf<S>): Method {
  return method as unknown as Method;
}
