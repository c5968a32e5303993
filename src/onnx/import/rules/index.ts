import type { Rules } from '../rule.ts';
import { gatherRules } from './gathers.ts';
import { movementRules } from './movement.ts';
import { normRules } from './norms.ts';
import { pointwiseRules } from './pointwise.ts';
import { productRules } from './products.ts';
import { quantisedRules } from './quantised.ts';
import { quantisedOperatorRules } from './quantisedOperators.ts';
import { reductionRules } from './reductions.ts';
import { resizeRules } from './resize.ts';
import { shapeRules } from './shapes.ts';
import { windowRules } from './windows.ts';

/** By operator, with the domain in front where it is not ONNX's own (`com.microsoft::Gelu`). */
export const RULES: Rules = {
  ...pointwiseRules,
  ...shapeRules,
  ...movementRules,
  ...gatherRules,
  ...reductionRules,
  ...productRules,
  ...windowRules,
  ...normRules,
  ...quantisedRules,
  ...quantisedOperatorRules,
  ...resizeRules,
};
