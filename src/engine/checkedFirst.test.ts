import * as ort from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { input } from '../graph/build.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { closeProgram } from '../program/program.ts';
import { checkedFirst } from './checkedFirst.ts';
import type { Engine } from './contract.ts';
import { engineContract } from './contractSuite.ts';
import { ortWeb } from './ortWeb.ts';

const wasm = () => ortWeb(ort, { threads: 1 });

/** An engine that changes the outputs it computes, from some run on, as a broken kernel does. */
function broken(change: (name: string, values: Float32Array) => Float32Array): Engine & { runs: number } {
  const engine = wasm();
  const own = {
    ...engine,
    runs: 0,
    name: 'broken',
    compile: async (...given: Parameters<Engine['compile']>) => {
      const compiled = await engine.compile(...given);
      const run: typeof compiled.run = async (feeds, into) => {
        own.runs++;
        await compiled.run(feeds, into);
        for (const [name, tensor] of Object.entries(into))
          tensor.write(change(name, ((await tensor.read()) as Float32Array).slice()));
      };
      return { ...compiled, run };
    },
  };
  return own;
}

const checked = (device: Engine, told: string[]) =>
  checkedFirst(device, {
    reference: wasm(),
    compares: (name) => !name.startsWith('next.'),
    tell: (text) => told.push(text),
  });

/** Two steps of a state that grows by a half; the losses and the state at the end. */
async function trained(engine: Engine) {
  const x = input('x', [3]);
  const program = closeProgram({ 'next.x': mul(x, 1.5), loss: reduceSum(add(x, 1)) });
  const compiled = await engine.compile(program, { stays: (name) => name === 'next.x' });
  let [front, back] = [engine.tensor('float32', [3], Float32Array.of(1, 2, 3)), engine.empty('float32', [3])];
  const loss = engine.empty('float32', []);
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    await compiled.run({ x: front }, { 'next.x': back, loss });
    losses.push(((await loss.read()) as Float32Array)[0]!);
    [front, back] = [back, front];
  }
  const state = [...((await front.read()) as Float32Array)];
  await compiled.dispose();
  return { losses, state };
}

engineContract(checked(wasm(), []));

it('a device that agrees computes on, and nothing is told', async () => {
  const told: string[] = [];
  const device = broken((_, values) => values.map((value) => value * (1 + 1e-4)));
  expect((await trained(checked(device, told))).losses[2]).toBeCloseTo(16.5, 1);
  expect([told, device.runs]).toEqual([[], 3]);
});

it.each([
  ['zeros', (_: string, values: Float32Array) => values.map(() => 0)],
  ['no numbers', (_: string, values: Float32Array) => values.map(() => Number.NaN)],
  [
    'a loss that is off',
    (name: string, values: Float32Array) => (name === 'loss' ? values.map((v) => v * 1.1) : values),
  ],
])('%s: the reference takes over, from the first step on, and says so', async (_, change) => {
  const told: string[] = [];
  const device = broken(change);
  expect(await trained(checked(device, told))).toEqual(await trained(wasm()));
  expect(told).toEqual([
    expect.stringMatching(/^broken computes otherwise than ort-web-wasm: loss is .* in place of 9\. The run/),
  ]);
  expect(device.runs).toBe(1);
});

it('a second program is not computed on a device that was wrong once', async () => {
  const device = broken((_, values) => values.map(() => 0));
  const engine = checked(device, []);
  await trained(engine);
  expect(await trained(engine)).toEqual(await trained(wasm()));
  expect(device.runs).toBe(1);
});
