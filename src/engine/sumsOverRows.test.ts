import { describe, expect, it } from 'vitest';
import { input } from '../graph/build.ts';
import { sizeOf } from '../graph/shape.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { Gemm, matmul } from '../ops/matmul.ts';
import { closeProgram, type Program } from '../program/program.ts';
import { stream } from '../random/stream.ts';
import { ortNode } from './ortNode.ts';
import { referenceEngine } from './reference.ts';
import { sumsOverRows } from './sumsOverRows.ts';

const ROWS = 1024;
const [x, y, z] = [input('x', [ROWS, 3]), input('y', [ROWS, 5]), input('z', [ROWS, 4])];

/** Gradients of weights: two that share `x`, one with a factor, one over few rows. */
const program = closeProgram({
  xy: matmul(x, y, { transA: true }),
  zx: matmul(z, x, { transA: true, alpha: 0.5 }),
  yz: matmul(y, z, { transA: true }),
  few: matmul(input('a', [8, 2]), input('b', [8, 3]), { transA: true }),
});

const nodesOf = (p: Program) => topologicalOrder([...p.outputs.values()]);

async function run(engine: ReturnType<typeof ortNode>, given: Program): Promise<Record<string, number[]>> {
  const compiled = await engine.compile(given);
  const feeds = Object.fromEntries(
    [...given.inputs].map(([name, { shape }]) => {
      const random = stream('sums', name);
      return [
        name,
        engine.tensor(
          'float32',
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
        ),
      ];
    }),
  );
  const into = Object.fromEntries([...given.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]));
  await compiled.run(feeds, into);
  await compiled.dispose();
  const values = Object.entries(into).map(async ([name, t]) => [name, Array.from((await t.read()) as Float32Array)]);
  return Object.fromEntries(await Promise.all(values));
}

describe('sumsOverRows', () => {
  const turned = sumsOverRows(program);

  it('leaves no product over many rows that the kernel would transpose, and the others as they are', () => {
    const left = nodesOf(turned).filter(({ op, attrs }) => op === Gemm && attrs.transA === 1);
    expect(left.map(({ inputs }) => inputs[0]!.shape)).toEqual([[8, 2]]);
  });

  it('transposes a shared operand once', () => {
    const transposed = nodesOf(turned)
      .filter(({ op }) => op.name === 'Transpose')
      .map(({ outputs }) => outputs[0]!.shape)
      .filter((shape) => shape.includes(ROWS));
    // x for two products, z for the third: the smaller of y and z.
    expect(transposed).toEqual([
      [3, 1, ROWS],
      [4, 1, ROWS],
    ]);
  });

  it('gives the same sums', async () => {
    const wanted = await run(referenceEngine(), program);
    for (const values of [await run(referenceEngine(), turned), await run(ortNode({ threads: 1 }), program)])
      for (const [name, numbers] of Object.entries(values)) {
        expect(numbers.length).toBe(wanted[name]!.length);
        for (const [i, value] of numbers.entries()) expect(Math.abs(value - wanted[name]![i]!)).toBeLessThan(2e-4);
      }
  });
});
