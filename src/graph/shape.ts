import { largest } from './lists.ts';
import { BuildError } from './errors.ts';

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const n of shape) size *= n;
  return size;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, axis) => n === b[axis]);
}

/** numpy's broadcasting of any number of shapes. */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = largest(
    shapes.map((s) => s.length),
    0,
  );
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    const shift = rank - shape.length;
    shape.forEach((n, axis) => {
      const held = out[axis + shift]!;
      if (held === 1) out[axis + shift] = n;
      else if (n !== 1 && n !== held)
        throw new BuildError(`shapes do not broadcast: ${shapes.map(showShape).join(' and ')}`);
    });
  }
  return out;
}

/** The axes over which a gradient of shape `from` is summed to reach the broadcast input's shape `to`. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const shift = from.length - to.length;
  const axes: number[] = [];
  for (let axis = 0; axis < from.length; axis++)
    if (axis < shift || (to[axis - shift] === 1 && from[axis] !== 1)) axes.push(axis);
  return axes;
}

/** -1 becomes the last axis. */
export function normaliseAxis(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw new BuildError(`axis ${axis} is not in a tensor of rank ${rank}`);
  return at;
}

export function normaliseAxes(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => normaliseAxis(axis, rank)).sort((a, b) => a - b);
}

/** The shape after reducing over `axes`. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((n, axis) => (axes.includes(axis) ? 1 : n))
    : shape.filter((_, axis) => !axes.includes(axis));
}

export function showShape(shape: Shape): string {
  return `[${shape.join(',')}]`;
}
