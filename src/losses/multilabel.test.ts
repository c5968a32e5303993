import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import type { Tensor } from '../graph/tensor.ts';
import { kd } from '../methods/kd.ts';
import { supervised } from '../methods/supervised.ts';
import { Scope, inputStore } from '../nn/scope.ts';
import { multilabelCrossEntropy } from './binaryCrossEntropy.ts';
import { binaryKd } from './binaryKd.ts';

/** Made by tests/golden/makeMultilabel.py with PyTorch, float64. */
interface Golden {
  readonly kind: 'rows' | 'mixed' | 'kd';
  readonly shape: readonly [number, number];
  readonly smoothing: number;
  readonly tau: number;
  readonly logits: readonly number[];
  readonly targets: readonly number[];
  readonly teacher: readonly number[];
  readonly loss: number;
  readonly gradient: readonly number[];
}
const GOLDEN = JSON.parse(readFileSync(new URL('../../tests/golden/multilabel.json', import.meta.url), 'utf8')) as {
  readonly losses: readonly Golden[];
};

function measure(value: Tensor, z: Tensor, logits: readonly number[]) {
  const [loss, gradient] = evaluate([value, ...grad(value, [z])], new Map([['z', ndArray(z.shape, logits)]]));
  return { loss: loss!.data[0]!, gradient: Array.from(gradient!.data) };
}

it.each(GOLDEN.losses)('equals PyTorch with its gradient: $kind, smoothing $smoothing, tau $tau, $shape', (golden) => {
  const { kind, shape, smoothing, tau, logits, targets, teacher } = golden;
  const z = input('z', shape);
  const value =
    kind === 'kd'
      ? binaryKd(z, floats(shape, teacher), tau)
      : multilabelCrossEntropy(z, floats(shape, targets), smoothing);
  const found = measure(value, z, logits);
  expect(Math.abs(found.loss / golden.loss - 1)).toBeLessThan(1e-6);
  found.gradient.forEach((g, i) => void expect(g).toBeCloseTo(golden.gradient[i]!, 7));
});

it('kd and supervised take these losses for images of several classes, and only then', () => {
  const { shape, logits, targets, teacher } = GOLDEN.losses[1]!;
  const z = input('z', shape);
  const given = {
    student: { logits: z },
    teacher: { logits: floats(shape, teacher) },
    targets: floats(shape, targets),
  };
  const terms = (method: typeof kd | typeof supervised, multilabel: boolean) => {
    const config = method.config.parse({ labelSmoothing: 0 }) as never;
    const scope = new Scope(inputStore(), true);
    const found = method.loss({ ...given, scope, config, multilabel } as never);
    return Object.fromEntries(
      Object.entries(found).map(([name, { value, weight }]) => [name, weight * measure(value, z, logits).loss]),
    );
  };
  const bce = measure(multilabelCrossEntropy(z, given.targets), z, logits).loss;
  const both = measure(binaryKd(z, given.teacher.logits, 1), z, logits).loss;
  expect(terms(supervised, true)).toEqual({ bce });
  expect(terms(kd, true)).toEqual({ bce: bce / 2, kd: both / 2 });
  expect(Object.keys(terms(kd, false))).toEqual(['ce', 'kd']);
  expect(terms(kd, false).kd).not.toBeCloseTo(both / 2, 2);
});
