import { floats } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { matmul } from '../../../ops/matmul.ts';
import { transpose } from '../../../ops/movement.ts';
import { assume, type Call, inputAt, numbersAt, type Rules } from '../rule.ts';

/** How one axis is resized. */
interface Line {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
}

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];

/** Resizing is linear in the pixels, along one axis after the other: a product with a constant matrix, whose gradient is known. */
function resize(call: Call): Tensor {
  const x = inputAt(call, 0);
  const { attrs } = call;
  const [scales, sizes] = [numbersAt(call, 2, 'the scales'), numbersAt(call, 3, 'the sizes')];
  const axes = attrs.ints('axes') ?? x.shape.map((_, axis) => axis);
  const given = sizes?.length ? sizes : scales?.length ? scales : undefined;
  if (given?.length !== axes.length) throw new BuildError('wanted scales or sizes, one for each axis');
  const common = settings(call);
  return axes.reduce((t, axis, i) => {
    const from = x.shape[axis]!;
    const to = sizes?.length ? sizes[i]! : Math.floor(from * scales![i]!);
    if (to === from) return t;
    if (to < 1 || to > 1 << 14) throw new BuildError(`axis ${axis} cannot be resized to ${to}`);
    call.budget.make([to, from]);
    return alongAxis(t, axis, matrix({ ...common, from, to, scale: sizes?.length ? to / from : scales![i]! }));
  }, x);
}

function settings({ attrs }: Call): Omit<Line, 'from' | 'to' | 'scale'> {
  const [mode, coordinates] = [
    attrs.text('mode', 'nearest'),
    attrs.text('coordinate_transformation_mode', 'half_pixel'),
  ];
  assume('mode', mode, ['nearest', 'linear', 'cubic']);
  assume('coordinate_transformation_mode', coordinates, COORDINATES);
  assume('antialias', attrs.int('antialias', 0), [0]);
  assume('keep_aspect_ratio_policy', attrs.text('keep_aspect_ratio_policy', 'stretch'), ['stretch']);
  const nearest = attrs.text('nearest_mode', 'round_prefer_floor');
  assume('nearest_mode', nearest, ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']);
  const excludeOutside = attrs.int('exclude_outside', 0) === 1;
  return { mode, coordinates, nearest, cubic: attrs.float('cubic_coeff_a', -0.75), excludeOutside };
}

function alongAxis(x: Tensor, axis: number, rows: Tensor): Tensor {
  const rank = x.shape.length;
  const perm = x.shape.map((_, i) => i).filter((i) => i !== axis);
  const last = [...perm, axis];
  const moved = matmul(transpose(x, last), transpose(rows, [1, 0]));
  return transpose(
    moved,
    Array.from({ length: rank }, (_, i) => last.indexOf(i)),
  );
}

/** [to, from]: the weights of the old pixels in each new one. Source: the ONNX standard, Resize. */
function matrix(line: Line): Tensor {
  const { from, to, excludeOutside } = line;
  const data = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const taps = tapsOf(line, position(line, i));
    const inside = taps.filter(([at]) => !excludeOutside || (at >= 0 && at < from));
    const total = excludeOutside ? inside.reduce((sum, [, w]) => sum + w, 0) : 1;
    for (const [at, weight] of inside) data[i * from + Math.max(0, Math.min(from - 1, at))]! += weight / total;
  }
  return floats([to, from], data);
}

function position({ from, to, scale, coordinates }: Line, i: number): number {
  if (coordinates === 'asymmetric') return i / scale;
  if (coordinates === 'align_corners') return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  if (coordinates === 'pytorch_half_pixel' && to === 1) return 0;
  return (i + 0.5) / scale - 0.5;
}

function tapsOf({ mode, nearest, cubic: a }: Line, at: number): [number, number][] {
  const floor = Math.floor(at);
  const part = at - floor;
  if (mode === 'nearest') {
    const half = part === 0.5;
    const up =
      nearest === 'ceil' ? part > 0 : nearest === 'floor' ? false : half ? nearest === 'round_prefer_ceil' : part > 0.5;
    return [[up ? floor + 1 : floor, 1]];
  }
  if (mode === 'linear')
    return [
      [floor, 1 - part],
      [floor + 1, part],
    ];
  const near = (t: number) => ((a + 2) * t - (a + 3)) * t * t + 1;
  const far = (t: number) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return [
    [floor - 1, far(1 + part)],
    [floor, near(part)],
    [floor + 1, near(1 - part)],
    [floor + 2, far(2 - part)],
  ];
}

export const resizeRules: Rules = { Resize: (call) => [resize(call)] };
