import { Constant, Input } from '../graph/build.ts';
import * as compare from './compare.ts';
import * as conv from './conv.ts';
import * as elementwise from './elementwise.ts';
import * as gelu from './gelu.ts';
import * as gather from './gather.ts';
import * as integer from './integer.ts';
import * as matmul from './matmul.ts';
import * as movement from './movement.ts';
import * as norm from './norm.ts';
import * as pool from './pool.ts';
import * as reduce from './reduce.ts';
import * as softmax from './softmax.ts';

const FILES = {
  ...elementwise,
  ...gelu,
  ...compare,
  ...reduce,
  ...matmul,
  ...movement,
  ...gather,
  ...softmax,
  ...conv,
  ...pool,
  ...norm,
  ...integer,
};

type OpNames<T> = { [K in keyof T]: T[K] extends import('../graph/tensor.ts').Op ? K : never }[keyof T];
/** The names of all operators; `cases.ts` must have examples for each. */
export type OpName = OpNames<typeof FILES>;

export const OPS = Object.fromEntries(
  Object.entries(FILES).filter(([, value]) => typeof value === 'object' && 'reference' in value),
) as unknown as Record<OpName, import('../graph/tensor.ts').Op>;

export { Constant, Input };
