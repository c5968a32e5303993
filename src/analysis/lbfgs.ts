type Vector = Float64Array<ArrayBuffer>;

/** A differentiable function: writes its gradient at x into `gradient` and gives its value. */
export type Objective = (x: Vector, gradient: Vector) => number;

export interface MinimiseOptions {
  /** Ends where no partial derivative is larger. */
  readonly tolerance?: number;
  readonly iterations?: number;
}

/** Steps that the curvature is estimated from. */
const MEMORY = 10;
/** Armijo's condition: the decrease must be this share of what the slope promises. */
const SUFFICIENT = 1e-4;

/**
 * The minimum of a convex function by L-BFGS with backtracking: at the tolerance, or where rounding lets no step go down further.
 * Source: Nocedal and Wright, Numerical Optimization, algorithms 3.1, 7.4 and 7.5.
 */
export function minimise(f: Objective, from: Vector, options: MinimiseOptions = {}): Vector {
  const { tolerance = 1e-6, iterations = 300 } = options;
  let [x, gradient] = [Float64Array.from(from), new Float64Array(from.length)];
  let value = f(x, gradient);
  const history: Pair[] = [];
  for (let i = 0; i < iterations && gradient.some((g) => Math.abs(g) > tolerance); i++) {
    const direction = descent(gradient, history);
    const next = lineSearch(f, { x, value, gradient, direction, step: history.length > 0 ? 1 : 1 / norm(gradient) });
    if (!next) break;
    const step = difference(next.x, x);
    const change = difference(next.gradient, gradient);
    const along = dot(step, change);
    if (along > 0) history.push({ step, change, along });
    if (history.length > MEMORY) history.shift();
    ({ x, value, gradient } = next);
  }
  return x;
}

/** A step that was made, how the gradient changed over it, and their product. */
interface Pair {
  readonly step: Vector;
  readonly change: Vector;
  readonly along: number;
}

/** The gradient times the inverse curvature that the history tells, downwards. */
function descent(gradient: Vector, history: readonly Pair[]): Vector {
  const q = gradient.map((g) => -g);
  const shares = history.toReversed().map(({ step, change, along }) => {
    const share = dot(step, q) / along;
    axpy(q, -share, change);
    return share;
  });
  const last = history.at(-1);
  if (last) scale(q, last.along / dot(last.change, last.change));
  for (const [i, { step, change, along }] of history.entries())
    axpy(q, shares[history.length - 1 - i]! - dot(change, q) / along, step);
  return q;
}

interface Point {
  readonly x: Vector;
  readonly value: number;
  readonly gradient: Vector;
}

/** Half the step until the value has fallen enough; undefined where rounding hides any fall. */
function lineSearch(
  f: Objective,
  { x, value, gradient, direction, step }: Point & { readonly direction: Vector; readonly step: number },
): Point | undefined {
  const slope = dot(direction, gradient);
  const found = new Float64Array(x.length);
  for (let t = step; t > 1e-12; t /= 2) {
    const tried = x.map((v, i) => v + t * direction[i]!);
    const now = f(tried, found);
    if (now <= value + SUFFICIENT * t * slope) return { x: tried, value: now, gradient: found };
  }
  return undefined;
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const norm = (a: Vector): number => Math.sqrt(dot(a, a));
const difference = (a: Vector, b: Vector): Vector => a.map((v, i) => v - b[i]!);

function axpy(into: Vector, factor: number, x: Vector): void {
  for (let i = 0; i < into.length; i++) into[i]! += factor * x[i]!;
}

function scale(x: Vector, factor: number): void {
  for (let i = 0; i < x.length; i++) x[i]! *= factor;
}
