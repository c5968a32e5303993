import { UserError } from '../graph/errors.ts';
import { unknownName } from '../graph/names.ts';
import { cskd } from './cskd.ts';
import { dearkd } from './dearkd.ts';
import { deit } from './deit.ts';
import { dkd } from './dkd.ts';
import { embed } from './embed.ts';
import { kd } from './kd.ts';
import type { Method } from './method.ts';
import { nkd } from './nkd.ts';
import { sumOf } from './sum.ts';
import { supervised } from './supervised.ts';
import { uskd } from './uskd.ts';
import { vitkd } from './vitkd.ts';
import { vkd } from './vkd.ts';
import { widelast } from './widelast.ts';

export type { LabelNeed, LossContext, Method, MethodStage, Needs, Term, Terms } from './method.ts';

export const METHODS = { supervised, kd, deit, dearkd, nkd, dkd, uskd, vitkd, vkd, widelast, cskd, embed } as const;

export type MethodName = keyof typeof METHODS;

/** Methods by name: ours, and those that a caller brings along. */
export type MethodTable = Readonly<Record<string, Method>>;

/**
 * Our methods and others beside them.
 * @throws UserError where a name is taken, or is none that a setting or a sum could have.
 */
export function withMethods(given: readonly Method[]): MethodTable {
  const table: Record<string, Method> = { ...(METHODS as unknown as MethodTable) };
  for (const method of given) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(method.name))
      throw new UserError(
        `method ${JSON.stringify(method.name)}: wanted a name of letters and digits that begins with a small letter`,
      );
    if (Object.hasOwn(table, method.name))
      throw new UserError(`method ${method.name}: wanted a name of its own, got one that is taken; rename yours`);
    table[method.name] = method;
  }
  return table;
}

/** A method by name, or the sum of several: `vitkd+nkd`. */
export function methodNamed(name: string, table: MethodTable = METHODS as unknown as MethodTable): Method {
  const members = name.split('+').map((part) => single(part.trim(), table));
  return members.length === 1 ? members[0]! : sumOf(members);
}

function single(name: string, table: MethodTable): Method {
  if (Object.hasOwn(table, name)) return table[name]!;
  throw unknownName('method', name, Object.keys(table).sort(), '; or a sum of them, as in vitkd+nkd');
}
