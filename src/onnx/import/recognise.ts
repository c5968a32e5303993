import { constantOf, constantValue, floats } from '../../graph/build.ts';
import { normaliseAxes, sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { Add, Div, Erf, Mul, Sqrt, Sub } from '../../ops/elementwise.ts';
import { gelu, keptGelu } from '../../ops/gelu.ts';
import { reshape } from '../../ops/movement.ts';
import { LayerNormalization, layerNorm } from '../../ops/norm.ts';
import { ReduceMean } from '../../ops/reduce.ts';

/**
 * The value as the layer that it is, where an exporter has written LayerNorm (before operator set 17) or GELU (before 20) as its
 * arithmetic. In a training step ONNX Runtime cannot put such a layer together again, since the gradient reads what lies inside;
 * a layer has a gradient of its own, with fewer passes. The parts keep their names as values. What is found so is the same
 * function; all else is given back as it is.
 */
export function recognised(tensor: Tensor, training: boolean): Tensor {
  const normed = standardised(tensor) ?? gained(tensor) ?? shifted(tensor);
  if (normed) return normed;
  const input = geluInput(tensor);
  if (!input) return tensor;
  return training ? keptGelu(input) : gelu(input);
}

/** (x - mean) / sqrt(mean((x - mean)^2) + eps) over the last axis. */
function standardised({ node: { op, inputs } }: Tensor): Tensor | undefined {
  const [centred, deviation] = inputs as readonly Tensor[];
  if (op !== Div || centred!.node.op !== Sub || deviation!.node.op !== Sqrt) return undefined;
  const [x, mean] = centred!.node.inputs as readonly [Tensor, Tensor];
  const variance = deviation!.node.inputs[0]!;
  if (x.dtype !== 'float32' || lastMeanOf(mean) !== x || variance.node.op !== Add) return undefined;
  for (const [squares, eps] of bothWays(variance)) {
    const [epsilon, square] = [numberOf(eps), lastMeanOf(squares)];
    if (epsilon === undefined || square?.node.op !== Mul) continue;
    if (!square.node.inputs.every((t) => t === centred)) continue;
    const D = x.shape.at(-1)!;
    return layerNorm(x, filled(D, 1), filled(D, 0), epsilon);
  }
  return undefined;
}

/** A standardised value times a gain a channel. */
function gained(tensor: Tensor): Tensor | undefined {
  if (tensor.node.op !== Mul) return undefined;
  for (const [normed, gain] of bothWays(tensor)) {
    const [x, scale, bias] = normOf(normed) ?? [];
    if (x && uniform(scale!, 1) && uniform(bias!, 0) && perChannel(gain, tensor))
      return layerNorm(x, reshape(gain, [sizeOf(gain.shape)]), bias!, epsilonOf(normed));
  }
  return undefined;
}

/** A standardised value, with its gain, plus a bias a channel. */
function shifted(tensor: Tensor): Tensor | undefined {
  if (tensor.node.op !== Add) return undefined;
  for (const [normed, shift] of bothWays(tensor)) {
    const [x, scale, bias] = normOf(normed) ?? [];
    if (x && uniform(bias!, 0) && perChannel(shift, tensor))
      return layerNorm(x, scale!, reshape(shift, [sizeOf(shift.shape)]), epsilonOf(normed));
  }
  return undefined;
}

/** x, of x Phi(x) = 0.5 x (1 + erf(x / sqrt 2)), its three factors in any order. */
function geluInput(tensor: Tensor): Tensor | undefined {
  if (tensor.node.op !== Mul || tensor.dtype !== 'float32') return undefined;
  for (const [one, product] of bothWays(tensor)) {
    if (product.node.op !== Mul) continue;
    const factors = [one, ...(product.node.inputs as readonly Tensor[])];
    const x = factors.map(erfInput).find((found) => found !== undefined);
    const rest = factors.filter((t) => erfInput(t) === undefined);
    if (x && rest.length === 2 && rest.includes(x) && rest.some((t) => numberOf(t) === 0.5)) return x;
  }
  return undefined;
}

/** x, of 1 + erf(x / sqrt 2). */
function erfInput({ node }: Tensor): Tensor | undefined {
  if (node.op !== Add) return undefined;
  for (const [value, one] of bothWays(node.outputs[0]!))
    if (value.node.op === Erf && numberOf(one) === 1) return scaledBy(value.node.inputs[0]!, Math.SQRT1_2);
  return undefined;
}

/** x, of x times a factor or over its inverse, as near as float32 can say it. */
function scaledBy(tensor: Tensor, factor: number): Tensor | undefined {
  const near = (value: number | undefined) => value !== undefined && Math.abs(value / factor - 1) < 1e-6;
  const [a, b] = tensor.node.inputs as readonly Tensor[];
  if (tensor.node.op === Div) return near(1 / (numberOf(b!) ?? Number.NaN)) ? a : undefined;
  if (tensor.node.op !== Mul) return undefined;
  return bothWays(tensor).find(([, factorOf]) => near(numberOf(factorOf)))?.[0];
}

const bothWays = ({ node: { inputs } }: Tensor): readonly (readonly [Tensor, Tensor])[] => {
  const [a, b] = inputs as readonly [Tensor, Tensor];
  return [
    [a, b],
    [b, a],
  ];
};

/** x, of its mean over the last axis, which stays with length 1. */
function lastMeanOf({ node: { op, inputs, attrs } }: Tensor): Tensor | undefined {
  const [x, axes] = inputs;
  if (op !== ReduceMean || !axes || attrs.keepdims === 0) return undefined;
  const rank = x!.shape.length;
  return normaliseAxes(constantValue(axes, 'axes'), rank).join() === String(rank - 1) ? x : undefined;
}

const normOf = ({ node: { op, inputs }, index }: Tensor): readonly Tensor[] | undefined =>
  op === LayerNormalization && index === 0 ? (inputs as readonly Tensor[]) : undefined;

const epsilonOf = ({ node }: Tensor): number => node.attrs.epsilon as number;

/** A number a channel, which leaves the shape as it is. */
const perChannel = ({ shape }: Tensor, whole: Tensor): boolean =>
  shape.length <= whole.shape.length && shape.at(-1) === whole.shape.at(-1) && sizeOf(shape) === shape.at(-1);

/** The number that a constant of one element is. */
function numberOf(tensor: Tensor): number | undefined {
  const value = constantOf(tensor);
  return value?.data.length === 1 ? value.data[0] : undefined;
}

const filled = (length: number, value: number): Tensor => floats([length], new Float32Array(length).fill(value));

/** Whether it is the constant that stands for a gain or a bias that is not there. */
const uniform = (tensor: Tensor, value: number): boolean => constantOf(tensor)?.data.every((x) => x === value) ?? false;
