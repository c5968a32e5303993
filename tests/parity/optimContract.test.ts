import { describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { input } from '../../src/graph/build.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { add, mul, sub } from '../../src/ops/elementwise.ts';
import { slice } from '../../src/ops/movement.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { adamw } from '../../src/optim/adamw.ts';
import { clipByGlobalNorm } from '../../src/optim/clip.ts';
import { lamb } from '../../src/optim/lamb.ts';
import { layerDecay } from '../../src/optim/layerDecay.ts';
import { type Schedule, warmupCosine } from '../../src/optim/schedule.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { chain, type Transform } from '../../src/optim/transform.ts';
import { closeProgram } from '../../src/program/program.ts';

const ADAMW = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0 } as const;

interface Row {
  readonly name: string;
  readonly optimiser: Transform;
  /** Peak learning rate on the parabola and on Rosenbrock's valley. */
  readonly lr: readonly [parabola: number, rosenbrock: number];
  /** Down Rosenbrock's valley: without momentum it takes longer. */
  readonly steps?: number;
}

/** One row an optimiser. What PyTorch does in ten steps is in optim.test.ts. */
const ROWS: readonly Row[] = [
  { name: 'adamw', optimiser: adamw(ADAMW), lr: [0.1, 0.05] },
  { name: 'adamw, clipped', optimiser: chain(clipByGlobalNorm(5), adamw(ADAMW)), lr: [0.1, 0.05] },
  // With next to no decay: without any it has no trust ratio and is Adam.
  { name: 'lamb', optimiser: lamb({ ...ADAMW, weightDecay: 1e-9 }), lr: [0.05, 0.02] },
  { name: 'adamw, layers apart', optimiser: chain(adamw(ADAMW), layerDecay(0.5)), lr: [0.2, 0.1] },
  { name: 'sgd', optimiser: sgd({ momentum: 0, nesterov: false, weightDecay: 0 }), lr: [0.1, 1.5e-3], steps: 14_000 },
  { name: 'sgd with momentum', optimiser: sgd({ momentum: 0.9, nesterov: false, weightDecay: 0 }), lr: [0.02, 3e-4] },
  { name: 'sgd with Nesterov', optimiser: sgd({ momentum: 0.9, nesterov: true, weightDecay: 0 }), lr: [0.02, 3e-4] },
  {
    name: 'sgd with momentum, clipped',
    optimiser: chain(clipByGlobalNorm(5), sgd({ momentum: 0.9, nesterov: false, weightDecay: 0 })),
    lr: [0.02, 1e-3],
  },
];

const square = (x: Tensor) => mul(x, x);

/** 0.5 (x - 3)^2 + 2 (y + 1)^2, least at (3, -1). */
function parabola(w: Tensor): Tensor {
  const [x, y] = [slice(w, 0, 0, 1), slice(w, 0, 1, 2)];
  return reduceSum(add(mul(square(sub(x, 3)), 0.5), mul(square(add(y, 1)), 2)));
}

/** Rosenbrock's (1 - x)^2 + 100 (y - x^2)^2, least at (1, 1) along a bent valley. */
function rosenbrock(w: Tensor): Tensor {
  const [x, y] = [slice(w, 0, 0, 1), slice(w, 0, 1, 2)];
  return reduceSum(add(square(sub(1, x)), mul(square(sub(y, square(x))), 100)));
}

/** A step on ONNX Runtime: compiled once, run with what the host feeds. */
async function minimiser({ optimiser }: Row, f: (w: Tensor) => Tensor, start: readonly [number, number]) {
  const engine = ortNode({ threads: 1 });
  const w = input('w', [2]);
  const params = [{ name: 'w', value: w, decay: true }];
  const slots = optimiser.slots(params).map(({ name, shape }) => [name, input(`slot.${name}`, shape)] as const);
  const names = Object.keys(optimiser.scalars({ step: 1, lr: 0 }));
  const scalars = Object.fromEntries(names.map((name) => [name, input(`scalar.${name}`, [])]));
  const { updates, slots: after } = optimiser.update(grad(f(w), [w]), params, new Map(slots), scalars);
  const outputs = {
    'next.w': add(w, updates[0]!),
    ...Object.fromEntries([...after].map(([name, t]) => [`next.slot.${name}`, t])),
  };
  const program = closeProgram(outputs);
  let compiles = 0;
  const compile: typeof engine.compile = (given) => {
    compiles++;
    return engine.compile(given);
  };
  const compiled = await compile(program);
  const port = (name: string, shape: readonly number[]) => [name, engine.empty('float32', shape)] as const;
  const buffers = () =>
    Object.fromEntries([port('w', [2]), ...slots.map(([name, t]) => port(`slot.${name}`, t.shape))]);
  let [front, back] = [buffers(), buffers()];
  ((await front.w!.read()) as Float32Array).set(start);
  const ports = Object.fromEntries(names.map((name) => port(`scalar.${name}`, [])));
  const run = async (step: number, lr: number) => {
    for (const [name, x] of Object.entries(optimiser.scalars({ step, lr })))
      ((await ports[`scalar.${name}`]!.read()) as Float32Array)[0] = x;
    await compiled.run(
      { ...front, ...ports },
      Object.fromEntries(Object.entries(back).map(([name, t]) => [`next.${name}`, t])),
    );
    [front, back] = [back, front];
    return Array.from((await front.w!.read()) as Float32Array) as [number, number];
  };
  return { run, compiles: () => compiles, dispose: () => compiled.dispose() };
}

async function minimise(
  row: Row,
  f: (w: Tensor) => Tensor,
  start: readonly [number, number],
  schedule: Schedule,
  steps: number,
) {
  const { run, compiles, dispose } = await minimiser(row, f, start);
  let at: [number, number] = [...start];
  for (let step = 0; step < steps; step++) at = await run(step + 1, schedule(step));
  await dispose();
  expect(compiles()).toBe(1);
  return at;
}

const cosine = (lr: number, totalSteps: number): Schedule =>
  warmupCosine({ lr, minLr: 0, warmupLr: 0, warmupSteps: 10, totalSteps });

describe.each(ROWS)('optimiser contract: $name', (row) => {
  it('finds the bottom of a parabola', async () => {
    const [x, y] = await minimise(row, parabola, [-4, 5], cosine(row.lr[0], 600), 600);
    expect(x).toBeCloseTo(3, 2);
    expect(y).toBeCloseTo(-1, 2);
  });

  it("follows Rosenbrock's valley to its end", async () => {
    const steps = row.steps ?? 5000;
    const [x, y] = await minimise(row, rosenbrock, [-1.2, 1], cosine(row.lr[1], steps), steps);
    expect(Math.hypot(x - 1, y - 1)).toBeLessThan(0.05);
  });

  it('takes another learning rate without compiling again: the move is as much longer', async () => {
    const moves: number[] = [];
    for (const lr of [1e-3, 2e-3]) {
      const { run, compiles, dispose } = await minimiser(row, parabola, [-4, 5]);
      const before = await run(1, 0);
      expect(before).toEqual([-4, 5]);
      const [x] = await run(2, lr);
      moves.push(x + 4);
      expect(compiles()).toBe(1);
      await dispose();
    }
    expect(moves[0]).toBeGreaterThan(0);
    expect(moves[1]! / moves[0]!).toBeCloseTo(2, 2);
  });
});
