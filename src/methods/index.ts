import { unknownName } from '../graph/names.ts';
import { dearkd } from './dearkd.ts';
import { deit } from './deit.ts';
import { dkd } from './dkd.ts';
import { kd } from './kd.ts';
import type { Method } from './method.ts';
import { nkd } from './nkd.ts';
import { sumOf } from './sum.ts';
import { supervised } from './supervised.ts';
import { uskd } from './uskd.ts';
import { vitkd } from './vitkd.ts';

export type { LabelNeed, LossContext, Method, MethodStage, Needs, Term, Terms } from './method.ts';

export const METHODS = { supervised, kd, deit, dearkd, nkd, dkd, uskd, vitkd } as const;

export type MethodName = keyof typeof METHODS;

/** A method by name, or the sum of several: `vitkd+nkd`. */
export function methodNamed(name: string): Method {
  const members = name.split('+').map((part) => single(part.trim()));
  return members.length === 1 ? members[0]! : sumOf(members);
}

function single(name: string): Method {
  const known = Object.keys(METHODS).sort();
  if (known.includes(name)) return (METHODS as unknown as Record<string, Method>)[name]!;
  throw unknownName('method', name, known, '; or a sum of them, as in vitkd+nkd');
}
