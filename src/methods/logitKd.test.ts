import { expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { add, mul } from '../ops/elementwise.ts';
import { methodNamed } from './index.ts';

const SHAPE = [2, 3];
const FEEDS = new Map(
  Object.entries({
    cls: [1, -0.5, 0.25, 2, 0, 1.5],
    dist: [0.5, 1, -2, -1, 0.3, 0.2],
    patches: [0.25, -1, 0.5, 1, -0.3, 0.1],
    teacher: [2, -1, 0.25, 0.75, 1, 0],
    targets: [1, 0, 0, 0, 0, 1],
  }).map(([port, data]) => [port, ndArray(SHAPE, data)]),
);

/** Largest gradient of each vote of a student of two heads, or also of its patches. */
function pulls(name: string, config: object, patches: boolean): number[] {
  const method = methodNamed(name);
  const heads = {
    ...{ logits: input('cls', SHAPE), distLogits: input('dist', SHAPE) },
    ...(patches ? { patchVote: input('patches', SHAPE) } : {}),
  };
  const terms = method.loss({
    scope: new Scope(inputStore(), true),
    student: heads,
    teacher: { logits: input('teacher', SHAPE) },
    targets: input('targets', SHAPE),
    config: method.config.parse(config),
  });
  const loss = Object.values(terms)
    .map(({ value, weight }) => mul(value, weight))
    .reduce((a, b) => add(a, b));
  return evaluate(grad(loss, Object.values(heads)), FEEDS).map(({ data }) => Math.max(...Array.from(data, Math.abs)));
}

it.each([
  ['kd', { alpha: 1 }],
  ['kd', { alpha: 0.5 }],
  ['kd', { alpha: 0 }],
  ['supervised', {}],
  ['deit', { alpha: 1 }],
  ['deit', { alpha: 0.5 }],
  ['deit', { alpha: 1, kind: 'soft' }],
  ['deit', { alpha: 0 }],
  ['nkd', { labelWeight: 0 }],
  ['dkd', { labelWeight: 0 }],
  ['kd+nkd', { kd: { alpha: 1 }, nkd: { labelWeight: 0 } }],
])('%s %j leaves no vote of a student untrained', (name, config) => {
  for (const patches of [false, true])
    for (const pull of pulls(name, config, patches)) expect(pull).toBeGreaterThan(1e-3);
});
