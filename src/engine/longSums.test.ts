import * as ort from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { input } from '../graph/build.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { reduceMean, reduceSum, reduceSumSquare } from '../ops/reduce.ts';
import { closeProgram } from '../program/program.ts';
import { longSums } from './longSums.ts';
import { ortWeb } from './ortWeb.ts';

const SHAPE = [25, 8, 1000];
const COUNT = 200_000;
const x = input('x', SHAPE);

/** Positive, so that nothing cancels. */
const values = Float32Array.from({ length: COUNT }, (_, i) => 1 + ((i * 7919) % 1000) / 1000);
const exact = (of: (value: number) => number): number => values.reduce((sum, value) => sum + of(value), 0);

const program = closeProgram({
  sum: reduceSum(x),
  mean: reduceMean(x, { keepDims: true }),
  square: reduceSumSquare(x),
  rows: reduceSum(x, { axes: [2] }),
  few: reduceSum(input('short', [8])),
});

it('sums of WebAssembly over many values are right to five digits and more', async () => {
  const engine = ortWeb(ort, { threads: 1 });
  const session = await engine.compile(program);
  const feeds = {
    x: engine.tensor('float32', SHAPE, values),
    short: engine.tensor('float32', [8], new Float32Array(8)),
  };
  const into = Object.fromEntries(
    ['sum', 'mean', 'square'].map((name) => [name, engine.empty('float32', program.outputs.get(name)!.shape)]),
  );
  await session.run(feeds, into);
  const value = async (name: string) => Number((await into[name]!.read())[0]);
  expect(Math.abs((await value('sum')) / exact((v) => v) - 1)).toBeLessThan(4e-6);
  expect(Math.abs((await value('mean')) / (exact((v) => v) / COUNT) - 1)).toBeLessThan(4e-6);
  expect(Math.abs((await value('square')) / exact((v) => v * v) - 1)).toBeLessThan(4e-6);
});

it('leaves what is short, or of some axes, and all shapes as they are', () => {
  const rewritten = longSums(program);
  for (const [name, { shape }] of program.outputs) expect(rewritten.outputs.get(name)!.shape).toEqual(shape);
  const nodes = (of: typeof program, name: string) => topologicalOrder([of.outputs.get(name)!]).length;
  for (const name of ['rows', 'few']) expect(nodes(rewritten, name)).toBe(nodes(program, name));
  expect(nodes(rewritten, 'sum')).toBeGreaterThan(nodes(program, 'sum'));
});

it('a count that has no other divisor stays in one sum', () => {
  const prime = closeProgram({ sum: reduceSum(input('x', [1031])) });
  expect(longSums(prime).outputs.get('sum')!.shape).toEqual([]);
});
