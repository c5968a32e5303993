import { apply1, floats } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { sameShape } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { Conv, ConvTranspose } from '../../../ops/conv.ts';
import { add, mul } from '../../../ops/elementwise.ts';
import { pad, reshape, slice } from '../../../ops/movement.ts';
import { AveragePool, MaxPool } from '../../../ops/pool.ts';
import { assume, type Call, inputAt, type Rules } from '../rule.ts';

/** Where the windows of a convolution or a pooling lie; one entry for each of the two axes. */
interface Windows {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly before: readonly [number, number];
  readonly after: readonly [number, number];
}

type Pair = [number, number];

function windowsOf({ attrs }: Call, x: Tensor, kernel: readonly number[]): Windows {
  if (x.shape.length !== 4 || kernel.length !== 2)
    throw new BuildError(`two-dimensional windows are supported, got input [${x.shape}] and kernel [${kernel}]`);
  const pair = (name: string): Pair => (attrs.ints(name) ?? [1, 1]) as Pair;
  const [strides, dilations] = [pair('strides'), pair('dilations')];
  if ([...kernel, ...strides, ...dilations].some((n) => n < 1) || strides.length !== 2 || dilations.length !== 2)
    throw new BuildError(`kernel [${kernel}], strides [${strides}], dilations [${dilations}] must be pairs above 0`);
  const size = kernel as Pair;
  const auto = attrs.text('auto_pad', 'NOTSET');
  assume('auto_pad', auto, ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER']);
  const given = auto === 'NOTSET' ? (attrs.ints('pads') ?? [0, 0, 0, 0]) : [0, 0, 0, 0];
  if (given.length !== 4 || given.some((p) => p < 0))
    throw new BuildError(`pads [${given}] must be four numbers from 0`);
  let [before, after]: [Pair, Pair] = [
    [given[0]!, given[1]!],
    [given[2]!, given[3]!],
  ];
  if (auto.startsWith('SAME')) {
    const total = [0, 1].map((i) => {
      const n = x.shape[i + 2]!;
      return Math.max(0, (Math.ceil(n / strides[i]!) - 1) * strides[i]! + (size[i]! - 1) * dilations[i]! + 1 - n);
    });
    const [small, large] = [total.map((t) => Math.floor(t / 2)) as Pair, total.map((t) => Math.ceil(t / 2)) as Pair];
    [before, after] = auto === 'SAME_UPPER' ? [small, large] : [large, small];
  }
  return { kernel: size, strides, dilations, before, after };
}

const attributes = ({ kernel, strides, before, after }: Windows) => ({
  kernel_shape: kernel,
  strides,
  pads: [...before, ...after],
});

/** A dilated kernel is a larger one with zeros between its taps. */
function dilated(weight: Tensor, { dilations, kernel }: Windows): Tensor {
  let out = weight;
  dilations.forEach((d, i) => {
    if (d === 1) return;
    const [axis, n] = [i + 2, kernel[i]!];
    const apart = [...out.shape.slice(0, axis + 1), 1, ...out.shape.slice(axis + 1)];
    const after = apart.map((_, at) => (at === axis + 1 ? d - 1 : 0));
    const spread = pad(
      reshape(out, apart),
      apart.map(() => 0),
      after,
    );
    const long = reshape(
      spread,
      out.shape.map((m, at) => (at === axis ? n * d : m)),
    );
    out = slice(long, axis, 0, (n - 1) * d + 1);
  });
  return out;
}

function convRule(call: Call): Tensor {
  const [x, weight] = [inputAt(call, 0), inputAt(call, 1)];
  return convolution(call, x, weight, call.inputs[2]);
}

/** The convolution of a node, of operands that may have been prepared (dequantised, say). */
export function convolution(call: Call, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const own = weight.shape.slice(2);
  const told = call.attrs.ints('kernel_shape') ?? own;
  if (!sameShape(told, own)) throw new BuildError(`kernel_shape [${told}] is not that of the weight [${weight.shape}]`);
  const at = windowsOf(call, x, own);
  const kernel = dilated(weight, at);
  const settings = { ...attributes(at), kernel_shape: kernel.shape.slice(2), group: call.attrs.int('group', 1) };
  return apply1(Conv, bias ? [x, kernel, bias] : [x, kernel], settings);
}

function convTransposeRule(call: Call): Tensor {
  const [x, weight] = [inputAt(call, 0), inputAt(call, 1)];
  if (call.attrs.has('output_shape')) throw new BuildError('output_shape is not supported');
  assume('auto_pad', call.attrs.text('auto_pad', 'NOTSET'), ['NOTSET']);
  const at = windowsOf(call, x, call.attrs.ints('kernel_shape') ?? weight.shape.slice(2));
  if (at.dilations.some((d) => d !== 1)) throw new BuildError(`dilations [${at.dilations}] are not supported`);
  const extra = call.attrs.ints('output_padding') ?? [0, 0];
  const y = apply1(ConvTranspose, [x, weight], {
    ...attributes(at),
    group: call.attrs.int('group', 1),
    output_padding: extra,
  });
  const bias = call.inputs[2];
  return bias ? add(y, reshape(bias, [1, bias.shape[0]!, 1, 1])) : y;
}

/**
 * With ceil_mode the last window may reach beyond the padding, but must begin before the end of the input (PyTorch's rule,
 * nn.MaxPool2d). It is expressed by more padding at the end.
 */
function ceiled(at: Windows, x: Tensor, ceil: boolean): Windows {
  if (!ceil) return at;
  const after = [0, 1].map((i) => {
    const [n, k, s, b, a] = [x.shape[i + 2]!, at.kernel[i]!, at.strides[i]!, at.before[i]!, at.after[i]!];
    let count = Math.ceil((n + b + a - k) / s) + 1;
    if ((count - 1) * s >= n + b) count--;
    return Math.max(a, (count - 1) * s + k - n - b);
  }) as Pair;
  return { ...at, after };
}

function pool(call: Call): { x: Tensor; given: Windows; at: Windows } {
  const x = inputAt(call, 0);
  const given = windowsOf(call, x, call.attrs.ints('kernel_shape') ?? []);
  if (given.dilations.some((d) => d !== 1)) throw new BuildError(`dilations [${given.dilations}] are not supported`);
  return { x, given, at: ceiled(given, x, call.attrs.int('ceil_mode', 0) === 1) };
}

function maxPoolRule(call: Call): Tensor {
  if (call.outputs > 1) throw new BuildError('the indices of a maximum are not supported');
  const { x, at } = pool(call);
  return apply1(MaxPool, [x], attributes(at));
}

/** The mean over a whole window, padding included, times how much of the window counts. */
function averagePoolRule(call: Call): Tensor {
  const { x, given, at } = pool(call);
  const padded = call.attrs.int('count_include_pad', 0) === 1;
  const y = apply1(AveragePool, [x], { ...attributes(at), count_include_pad: 1 });
  call.budget.make(y.shape.slice(2));
  const counted = [0, 1].map((i) => {
    const n = x.shape[i + 2]!;
    const [low, high] = padded ? [-given.before[i]!, n + given.after[i]!] : [0, n];
    return Array.from({ length: y.shape[i + 2]! }, (_, j) => {
      const start = j * at.strides[i]! - at.before[i]!;
      return Math.max(1, Math.min(start + at.kernel[i]!, high) - Math.max(start, low));
    });
  }) as [number[], number[]];
  const whole = at.kernel[0] * at.kernel[1];
  const scale = counted[0].flatMap((rows) => counted[1].map((columns) => whole / (rows * columns)));
  return scale.every((s) => s === 1) ? y : mul(y, floats([1, 1, y.shape[2]!, y.shape[3]!], scale));
}

export const windowRules: Rules = {
  Conv: (call) => [convRule(call)],
  ConvTranspose: (call) => [convTransposeRule(call)],
  MaxPool: (call) => [maxPoolRule(call)],
  AveragePool: (call) => [averagePoolRule(call)],
};
