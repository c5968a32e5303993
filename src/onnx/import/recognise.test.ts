import { describe, expect, it } from 'vitest';
import { evaluate } from '../../engine/reference.ts';
import { floats, input } from '../../graph/build.ts';
import { fromFunction } from '../../graph/ndArray.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { add, div, erf, mul, sqrt, sub } from '../../ops/elementwise.ts';
import { Gelu, KeptGelu } from '../../ops/gelu.ts';
import { LayerNormalization } from '../../ops/norm.ts';
import { reduceMean } from '../../ops/reduce.ts';
import { recognised } from './recognise.ts';

const SHAPE = [2, 3, 4];
const x = input('x', SHAPE);
const other = input('other', SHAPE);
const wave = (shape: readonly number[], phase: number) =>
  fromFunction(shape, (_, i) => Math.sin(1.7 * i + phase) + 0.2 * phase);
const feeds = new Map([
  ['x', wave(SHAPE, 1)],
  ['other', wave(SHAPE, 2)],
]);
const w = (shape: number[], phase: number) => floats(shape, Float32Array.from(wave(shape, phase).data));

/** As the importer sees it: each value of the file after the other. */
const seen = (tensor: Tensor) => recognised(tensor, false);

interface Norm {
  readonly axes?: readonly number[];
  readonly centre?: Tensor;
  readonly squared?: Tensor;
}

function standardised({ axes = [2], centre = x, squared }: Norm = {}): Tensor {
  const centred = sub(x, reduceMean(centre, { axes, keepDims: true }));
  const square = squared ?? mul(centred, centred);
  return seen(div(centred, sqrt(add(reduceMean(square, { axes, keepDims: true }), 1e-2))));
}

const half = (t: Tensor) => mul(t, 0.5);
const bell = (t: Tensor, factor = Math.SQRT1_2) => add(erf(mul(t, factor)), 1);

function expectSame(plain: Tensor, found: Tensor): void {
  const [a, b] = evaluate([plain, found], feeds);
  expect(a!.data.length).toBe(sizeOf(SHAPE));
  for (const [i, v] of a!.data.entries()) expect(b!.data[i]).toBeCloseTo(v, 6);
}

describe('recognised', () => {
  it('a LayerNorm with its gain and bias, in either order', () => {
    const plain = (gain: Tensor, bias: Tensor) => {
      const centred = sub(x, reduceMean(x, { axes: [2], keepDims: true }));
      const deviation = sqrt(add(1e-2, reduceMean(mul(centred, centred), { axes: [-1], keepDims: true })));
      return { normed: div(centred, deviation), gain, bias };
    };
    const { normed, gain, bias } = plain(w([4], 3), w([1, 4], 4));
    const whole = add(bias, mul(gain, normed));
    const found = seen(add(bias, seen(mul(gain, seen(normed)))));
    expect(found.node.op).toBe(LayerNormalization);
    expect(found.node.inputs[0]).toBe(x);
    expectSame(whole, found);
  });

  it('a LayerNorm without a gain, and one without a bias', () => {
    const biased = seen(add(standardised(), w([4], 3)));
    expect(biased.node.op).toBe(LayerNormalization);
    // A bias is there already: a gain now is no part of the layer.
    expect(seen(mul(biased, w([4], 4))).node.op.name).toBe('Mul');
    expect(seen(add(biased, w([4], 4))).node.op.name).toBe('Add');
    expect(seen(mul(standardised(), w([4], 4))).node.op).toBe(LayerNormalization);
  });

  it.each<[string, () => Tensor]>([
    ['statistics over another axis', () => standardised({ axes: [1] })],
    ['statistics over two axes', () => standardised({ axes: [1, 2] })],
    ['the mean of another value', () => standardised({ centre: other })],
    ['the variance of another value', () => standardised({ squared: mul(other, other) })],
    ['a second moment about 0', () => standardised({ squared: mul(x, x) })],
    ['a gain a row', () => seen(mul(standardised(), w([3, 1], 3)))],
    ['a gain an element', () => seen(mul(standardised(), w([3, 4], 3)))],
    ['a product of two images', () => seen(mul(standardised(), other))],
  ])('leaves %s as it is', (name, build) => {
    const found = build();
    expect(found.node.op === LayerNormalization, name).toBe(false);
  });

  it.each<[string, () => Tensor]>([
    ['(x e) / 2', () => half(mul(x, bell(x)))],
    ['(x / 2) e', () => mul(bell(x), half(x))],
    ['x (e / 2)', () => mul(x, half(bell(x)))],
    ['x / sqrt 2 as a quotient', () => half(mul(x, add(1, erf(div(x, Math.fround(Math.SQRT2))))))],
  ])('GELU as %s; a training step has the form that keeps Phi', (_, build) => {
    const plain = build();
    expect(seen(plain).node.op).toBe(Gelu);
    expect(recognised(plain, true).node.op).toBe(KeptGelu);
    expectSame(plain, seen(plain));
    expectSame(plain, recognised(plain, true));
  });

  it.each<[string, () => Tensor]>([
    ['another factor inside', () => half(mul(x, bell(x, 0.7)))],
    ['another factor outside', () => mul(mul(x, bell(x)), 0.25)],
    ['a gate by another value', () => half(mul(other, bell(x)))],
    ['one less erf', () => half(mul(x, sub(1, erf(mul(x, Math.SQRT1_2)))))],
    ['no half', () => mul(x, bell(x))],
  ])('leaves %s as it is', (_, build) => {
    const plain = build();
    expect(seen(plain)).toBe(plain);
  });
});
