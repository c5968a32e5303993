import { describe, expect, it } from 'vitest';
import { input } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';
import { and, greater, not } from '../ops/compare.ts';
import { add, cast, mul, neg } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { argMax, reduceSum } from '../ops/reduce.ts';
import { closeProgram } from '../program/program.ts';
import { type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';

type Port = readonly [dtype: DType, shape: readonly number[], values: readonly number[]];

function tensorOf(engine: Engine, [dtype, shape, values]: Port): EngineTensor {
  const data = hostArray(dtype, values.length);
  values.forEach((x, i) => {
    data[i] = dtype === 'int64' ? BigInt(x) : x;
  });
  return engine.tensor(dtype, shape, data);
}

const read = async (tensor: EngineTensor): Promise<number[]> =>
  Array.from((await tensor.read()) as ArrayLike<number>, Number);

const floats = (...values: number[]): Port => ['float32', [values.length], values];

/** Compiles the outputs; `run` feeds ports and gives the wanted outputs as numbers. */
async function compiled(engine: Engine, outputs: Readonly<Record<string, Tensor>>) {
  const program = closeProgram(outputs);
  const session = await engine.compile(program);
  const empty = (name: string) => engine.empty(program.outputs.get(name)!.dtype, program.outputs.get(name)!.shape);
  const run = async (feeds: Readonly<Record<string, Port>>, wanted = Object.keys(outputs)) => {
    const given = Object.fromEntries(Object.entries(feeds).map(([name, port]) => [name, tensorOf(engine, port)]));
    const into = Object.fromEntries(wanted.map((name) => [name, empty(name)]));
    await session.run(given, into);
    return Object.fromEntries(await Promise.all(wanted.map(async (name) => [name, await read(into[name]!)] as const)));
  };
  return { session, empty, run };
}

/** What every engine does: one suite over interchangeable implementations. */
export function engineContract(engine: Engine): void {
  describe(`engine contract: ${engine.name}`, () => {
    const [x, y] = [input('x', [3]), input('y', [3])];

    it('gives the values of several outputs, of all or of those that are asked for', async () => {
      const { run } = await compiled(engine, { sum: add(x, y), product: mul(x, y) });
      const feeds = { x: floats(1, 2, 3), y: floats(10, 20, -1) };
      expect(await run(feeds)).toEqual({ sum: [11, 22, 2], product: [10, 40, -3] });
      expect(await run(feeds, ['product'])).toEqual({ product: [10, 40, -3] });
    });

    it('takes and gives int64, int32, uint8 and bool', async () => {
      const [i, b] = [input('i', [3], 'int64'), input('b', [3], 'bool')];
      const { run } = await compiled(engine, {
        same: i,
        taken: gather(x, i, 0),
        twice: add(i, i),
        both: and(b, greater(x, 0)),
        no: not(b),
        best: argMax(x, { axis: 0 }),
        int32: cast(x, 'int32'),
        uint8: cast(x, 'uint8'),
      });
      const feeds = { x: floats(1, 7, 2), i: ['int64', [3], [2, 2, 0]] as Port, b: ['bool', [3], [1, 0, 1]] as Port };
      expect(await run(feeds)).toEqual({
        same: [2, 2, 0],
        taken: [2, 2, 1],
        twice: [4, 4, 0],
        both: [1, 0, 1],
        no: [0, 1, 0],
        best: [1],
        int32: [1, 7, 2],
        uint8: [1, 7, 2],
      });
    });

    it('reads a dtype as the same array, whatever ran before', async () => {
      const { session, empty } = await compiled(engine, { best: argMax(x, { axis: 0 }), mask: greater(x, 0) });
      const into = { best: empty('best'), mask: empty('mask') };
      const kinds = async () => [(await into.best.read()).constructor, (await into.mask.read()).constructor];
      expect(await kinds()).toEqual([BigInt64Array, Uint8Array]);
      await session.run({ x: tensorOf(engine, floats(1, 2, 3)) }, into);
      expect(await kinds()).toEqual([BigInt64Array, Uint8Array]);
    });

    it('leaves the feeds as they were and writes over the targets', async () => {
      const { session, empty } = await compiled(engine, { out: neg(x) });
      const [fed, target] = [tensorOf(engine, floats(1, 2, 3)), empty('out')];
      await session.run({ x: fed }, { out: target });
      expect(await read(fed)).toEqual([1, 2, 3]);
      expect(await read(target)).toEqual([-1, -2, -3]);
      await session.run({ x: tensorOf(engine, floats(4, 5, 6)) }, { out: target });
      expect(await read(target)).toEqual([-4, -5, -6]);
    });

    it('can be fed what it gave: two buffers change places', async () => {
      const { session, empty } = await compiled(engine, { next: add(x, 1) });
      let [front, back] = [tensorOf(engine, floats(0, 1, 2)), empty('next')];
      for (let step = 0; step < 3; step++) {
        await session.run({ x: front }, { next: back });
        [front, back] = [back, front];
      }
      expect(await read(front)).toEqual([3, 4, 5]);
      expect(await read(back)).toEqual([2, 3, 4]);
    });

    it('repeats itself: a run depends on nothing that ran before', async () => {
      const { run } = await compiled(engine, { out: reduceSum(mul(x, y)) });
      const first = await run({ x: floats(1, 2, 3), y: floats(4, 5, 6) });
      expect(first).toEqual({ out: [32] });
      await run({ x: floats(9, 9, 9), y: floats(9, 9, 9) });
      expect(await run({ x: floats(1, 2, 3), y: floats(4, 5, 6) })).toEqual(first);
    });

    it('gives an input as an output, twice if need be', async () => {
      const { run } = await compiled(engine, { copy: x, again: x, sum: add(x, y) });
      const out = await run({ x: floats(1, 2, 3), y: floats(1, 1, 1) });
      expect(out).toEqual({ copy: [1, 2, 3], again: [1, 2, 3], sum: [2, 3, 4] });
    });

    it('gives a constant as an output, and one value under two names', async () => {
      const { run } = await compiled(engine, {
        six: mul(cast(not(greater(x, x)), 'float32'), 6),
        a: neg(x),
        b: neg(x),
      });
      expect(await run({ x: floats(1, 2, 3) })).toEqual({ six: [6, 6, 6], a: [-1, -2, -3], b: [-1, -2, -3] });
    });

    it('ignores feeds that it does not need', async () => {
      const { run } = await compiled(engine, { out: neg(x) });
      expect(await run({ x: floats(1, 2, 3), spare: floats(1) })).toEqual({ out: [-1, -2, -3] });
    });

    it('refuses a missing feed, even where the wanted output does not need it', async () => {
      const { run } = await compiled(engine, { sum: add(x, y), minus: neg(x) });
      await expect(run({ x: floats(1, 2, 3) })).rejects.toThrow('internal: input y was not fed');
      await expect(run({ x: floats(1, 2, 3) }, ['minus'])).rejects.toThrow('internal: input y was not fed');
    });

    it('refuses a tensor that does not fit its port', async () => {
      const { run, session } = await compiled(engine, { out: neg(x) });
      await expect(run({ x: floats(1, 2) })).rejects.toThrow('internal: input x: wanted float32 [3], got float32 [2]');
      await expect(run({ x: ['int64', [3], [1, 2, 3]] })).rejects.toThrow('input x: wanted float32 [3], got int64 [3]');
      const fed = tensorOf(engine, floats(1, 2, 3));
      const wrong = engine.empty('float32', [4]);
      await expect(session.run({ x: fed }, { out: wrong })).rejects.toThrow(
        'output out: wanted float32 [3], got float32 [4]',
      );
      await expect(session.run({ x: fed }, { out: fed })).rejects.toThrow(
        'output out would be written into a tensor that is fed',
      );
      await expect(session.run({ x: fed }, { oot: wrong })).rejects.toThrow('there is no output oot; outputs: out');
      expect(await read(fed)).toEqual([1, 2, 3]);
    });

    it('uses the buffer that it is given', async () => {
      const { session, empty } = await compiled(engine, { out: neg(x) });
      const data: HostArray = Float32Array.of(1, 2, 3);
      const [fed, target] = [engine.tensor('float32', [3], data), empty('out')];
      data[1] = 20;
      await session.run({ x: fed }, { out: target });
      expect(await read(target)).toEqual([-1, -20, -3]);
    });

    it('takes a new value', async () => {
      const { session, empty } = await compiled(engine, { out: neg(x) });
      const [fed, target] = [tensorOf(engine, floats(1, 2, 3)), empty('out')];
      fed.write(Float32Array.of(7, 8, 9));
      expect(await read(fed)).toEqual([7, 8, 9]);
      await session.run({ x: fed }, { out: target });
      expect(await read(target)).toEqual([-7, -8, -9]);
    });

    it('keeps state where it lies from run to run, and reads it all the same', async () => {
      const program = closeProgram({ next: add(x, 1), sum: reduceSum(x) });
      const session = await engine.compile(program, { stays: (name) => name === 'next' });
      let [front, back] = [tensorOf(engine, floats(0, 1, 2)), engine.empty('float32', [3])];
      const sum = engine.empty('float32', []);
      for (let step = 0; step < 3; step++) {
        await session.run({ x: front }, { next: back, sum });
        expect(await read(sum)).toEqual([3 + 3 * step]);
        [front, back] = [back, front];
      }
      expect(await read(front)).toEqual([3, 4, 5]);
      front.write(Float32Array.of(1, 1, 1));
      expect(await read(front)).toEqual([1, 1, 1]);
      expect(await read(back)).toEqual([2, 3, 4]);
    });
  });
}
