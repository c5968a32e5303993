import { compareCases, elementwiseCases } from './cases/elementwise.ts';
import { convCases, poolCases } from './cases/conv.ts';
import { matmulCases } from './cases/matmul.ts';
import { integerCases } from './cases/integer.ts';
import { gatherCases, movementCases } from './cases/movement.ts';
import type { OpCase } from './cases/opCase.ts';
import { normCases, reduceCases, softmaxCases } from './cases/reduce.ts';
import type { OpName } from './index.ts';

/**
 * Example inputs of every operator; an operator without a row does not compile. The gradient test, the parity test and
 * the tests of the graph passes all run over them.
 */
export const CASES: Readonly<Record<OpName, readonly OpCase[]>> = {
  ...elementwiseCases,
  ...compareCases,
  ...reduceCases,
  ...matmulCases,
  ...movementCases,
  ...gatherCases,
  ...softmaxCases,
  ...convCases,
  ...poolCases,
  ...normCases,
  ...integerCases,
};

export { type CaseValues, type OpCase, realise } from './cases/opCase.ts';
