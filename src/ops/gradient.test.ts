import { describe, expect, it } from 'vitest';
import { vjp } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { closeProgram } from '../program/program.ts';
import { stream } from '../random/stream.ts';
import { CASES, type CaseValues, type OpCase, realise } from './cases.ts';
import { isFloat } from './elementwise.ts';

type Feeds = ReadonlyMap<string, NdArray>;

const H = 5e-4;
const TOLERANCE = 1e-6;

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (x, i) => x * b[i]!).reduce((s, x) => s + x, 0);
const randomLike = (t: Tensor, ...key: string[]) => {
  const random = stream('gradient', ...key);
  return ndArray(t.shape, Float64Array.from({ length: sizeOf(t.shape) }, random.normal));
};

/** sum_i <cotangent_i, output_i>: the number whose derivative is tested. */
function objective(outputs: readonly Tensor[], cotangents: readonly NdArray[], feeds: Feeds): number {
  return evaluate(outputs, feeds).reduce((sum, value, i) => sum + dot(value.data, cotangents[i]!.data), 0);
}

/** Central difference along a direction, extrapolated once (Richardson): the error is of order h^4. */
function directional(f: (feeds: Feeds) => number, feeds: Feeds, direction: Feeds): number {
  const at = (h: number) => {
    const moved = new Map(feeds);
    for (const [name, d] of direction) {
      const start = feeds.get(name)!;
      moved.set(name, { ...start, data: Float64Array.from(start.data, (x, i) => x + h * d.data[i]!) });
    }
    return f(moved);
  };
  const central = (h: number) => (at(h) - at(-h)) / (2 * h);
  return (4 * central(H / 2) - central(H)) / 3;
}

function expectEqual(got: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(got).toHaveLength(wanted.length);
  for (let i = 0; i < got.length; i++) expect(got[i]).toBeCloseTo(wanted[i]!, 12);
}

/** The derived gradients, as the graph stands and as `closeProgram` simplifies it, which must not differ. */
function derived(
  outputs: readonly Tensor[],
  cotangents: readonly NdArray[],
  wrt: readonly Tensor[],
  feeds: Feeds,
): NdArray[] {
  const seeds = cotangents.map((c, i) => input(`dy${i}`, c.shape));
  const fed = new Map([...feeds, ...cotangents.map((c, i) => [`dy${i}`, c] as const)]);
  const gradients = vjp(outputs, seeds, wrt);
  const values = evaluate(gradients, fed);
  const closed = closeProgram(Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])));
  evaluate([...closed.outputs.values()], fed).forEach((value, i) => {
    expect(value.shape).toEqual(values[i]!.shape);
    expectEqual(value.data, values[i]!.data);
  });
  return values;
}

function checkDirection(label: string, { outputs, feeds }: CaseValues, wrt: readonly Tensor[]): void {
  const floats = outputs.filter((t) => isFloat(t.dtype));
  const cotangents = floats.map((t, i) => randomLike(t, label, `cotangent ${i}`));
  const gradients = derived(floats, cotangents, wrt, feeds);
  expect(gradients.map((g) => g.shape)).toEqual(wrt.map((t) => t.shape));
  const names = wrt.map((t) => String(t.node.attrs.name));
  const direction = new Map(wrt.map((t, i) => [names[i]!, randomLike(t, label, `direction ${i}`)]));
  const terms = gradients.flatMap((g, i) => Array.from(g.data, (x, j) => x * direction.get(names[i]!)!.data[j]!));
  const expected = directional((moved) => objective(floats, cotangents, moved), feeds, direction);
  const scale = Math.max(
    Math.abs(expected),
    terms.reduce((s, x) => s + Math.abs(x), 0),
  );
  const got = terms.reduce((s, x) => s + x, 0);
  expect(Math.abs(got - expected), `${got} against the difference quotient ${expected}`).toBeLessThanOrEqual(
    TOLERANCE * scale + 1e-9,
  );
}

function checkSubgradient({ outputs, feeds, wrt }: CaseValues, expected: readonly (readonly number[])[]): void {
  const ones = outputs.map((t) => ndArray(t.shape, new Float64Array(sizeOf(t.shape)).fill(1)));
  derived(outputs, ones, wrt, feeds).forEach((gradient, i) => {
    expectEqual(gradient.data, expected[i]!);
  });
}

function check(op: string, example: OpCase): void {
  const realised = realise(op, example);
  if (example.subgradient) {
    checkSubgradient(realised, example.subgradient);
    return;
  }
  const { wrt } = realised;
  const subsets = wrt.length > 1 ? [wrt, ...wrt.map((t) => [t])] : wrt.length === 1 ? [wrt] : [];
  for (const [i, subset] of subsets.entries()) checkDirection(`${op} ${example.name} ${i}`, realised, subset);
}

const differentiable = (example: OpCase) =>
  (example.differentiable ?? example.inputs.filter((x) => x.dtype === 'float32')).length > 0;

/** And, Or and Not have no float input, and the 8-bit operators serve frozen networks alone: no gradient to check. */
const OPS_WITH_GRADIENT = Object.entries(CASES).filter(([, examples]) => examples.some(differentiable));

describe.each(OPS_WITH_GRADIENT)('gradient of %s', (op, examples) => {
  for (const example of examples.filter(differentiable)) it(example.name, () => check(op, example));
});

it('leaves out the operators without a float input, and no others', () => {
  const checked = new Set(OPS_WITH_GRADIENT.map(([op]) => op));
  const integer = ['QuantizeLinear', 'DequantizeLinear', 'MatMulIntegerToFloat', 'QLinearConv'];
  expect(Object.keys(CASES).filter((op) => !checked.has(op))).toEqual(['And', 'Or', 'Not', ...integer]);
});
