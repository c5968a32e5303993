import { UserError } from '../graph/errors.ts';
import { dearkd } from './dearkd.ts';
import { deit } from './deit.ts';
import { kd } from './kd.ts';
import type { Method } from './method.ts';
import { supervised } from './supervised.ts';

export type { LossContext, Method, Term, Terms } from './method.ts';

export const METHODS = { supervised, kd, deit, dearkd } as const;

export type MethodName = keyof typeof METHODS;

export function methodNamed(name: string): Method {
  const found = (METHODS as unknown as Record<string, Method>)[name];
  if (!found) throw new UserError(`Unknown method "${name}". Available: ${Object.keys(METHODS).sort().join(', ')}`);
  return found;
}
