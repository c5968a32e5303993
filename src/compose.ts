/**
 * What a method of your own is made of: operators, layers and losses with their gradients, and the types of what it is given.
 *
 * ```ts
 * import { defineMethod } from 'understudy';
 * import { mul, reduceMean, stopGradient, sub } from 'understudy/compose';
 * ```
 */

/** Operators. Broadcasting is numpy's. */
export { type Operand, scalar } from './graph/build.ts';
export type { Tensor } from './graph/tensor.ts';
export { equal, greater } from './ops/compare.ts';
export {
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  relu,
  sigmoid,
  sqrt,
  stopGradient,
  sub,
  tanh,
  where,
} from './ops/elementwise.ts';
export { gather } from './ops/gather.ts';
export { gelu } from './ops/gelu.ts';
export { gemm, matmul } from './ops/matmul.ts';
export { concat, expand, reshape, slice, split, transpose } from './ops/movement.ts';
export { reduceMax, reduceMean, reduceSum } from './ops/reduce.ts';
export { logSoftmax, softmax } from './ops/softmax.ts';

/** Layers, whose parameters come from the scope that a loss is given; a method's own are called `method.*`. */
export { linear } from './nn/layers.ts';
export { type ParamSpec, Scope } from './nn/scope.ts';

/** Losses: tensors to a scalar. */
export { crossEntropy } from './losses/crossEntropy.ts';
export { meanSquaredError } from './losses/hidden.ts';
export { softKd } from './losses/softKd.ts';
export { labelSmoothing, labelTerms } from './methods/supervised.ts';

/** What a method says and is given. */
export type { LossContext, Method, MethodStage, Needs, Term, Terms } from './methods/method.ts';
export type { FeatureName, Features } from './models/features.ts';
