import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { grad } from '../src/autodiff/grad.ts';
import type { EngineTensor } from '../src/engine/contract.ts';
import { ortNode } from '../src/engine/ortNode.ts';
import { evaluate } from '../src/engine/reference.ts';
import { input } from '../src/graph/build.ts';
import { ndArray } from '../src/graph/ndArray.ts';
import type { Method } from '../src/methods/index.ts';
import { labelSmoothing, labelTerms } from '../src/methods/supervised.ts';
import { buildModel, variantConfig } from '../src/models/index.ts';
import { initialValue } from '../src/nn/initialise.ts';
import { inputStore, Scope } from '../src/nn/scope.ts';
import { mul, stopGradient, sub } from '../src/ops/elementwise.ts';
import { reduceMean } from '../src/ops/reduce.ts';
import { sgd } from '../src/optim/sgd.ts';
import { buildFrozen, modelParams } from '../src/program/evalProgram.ts';
import { trainProgram } from '../src/program/trainProgram.ts';
import { stream } from '../src/random/stream.ts';
import { TrainState } from '../src/train/trainState.ts';

/** The worked example of docs/addingParts.md, "A method". What follows it proves it, as any method must be proved. */

// --- src/methods/logitMse.ts -------------------------------------------------------------------------------------------
const config = z.strictObject({
  /** Weight of the teacher; the labels have 1 - alpha. */
  alpha: z.number().min(0).max(1).default(0.5),
  labelSmoothing,
});

/** (1-a) CE + a mean((z_s - z_t)^2), the mean over batch and classes. Our choice: made up for this example. */
const logitMse: Method<z.output<typeof config>> = {
  name: 'logitMse',
  summary: "match the teacher's logits in the mean squared error",
  config,
  needs: ({ alpha }) => ({ student: ['logits'], teacher: ['logits'], labels: alpha < 1 ? 'any' : 'none' }),
  loss: ({ student, teacher, targets, config }) => {
    const difference = sub(student.logits, stopGradient(teacher!.logits));
    return {
      ...labelTerms(student, targets, config.labelSmoothing, 1 - config.alpha),
      mse: { value: reduceMean(mul(difference, difference)), weight: config.alpha },
    };
  },
};
// -----------------------------------------------------------------------------------------------------------------------

const [B, K, SIZE] = [4, 3, 8];
const SETTINGS = logitMse.config.parse({ alpha: 1 });
const shape = { imageSize: SIZE, classes: K };
const student = buildModel(variantConfig('vit_pico_patch4', { ...shape, width: 8, depth: 2, heads: 2 }));
const teacher = buildModel(variantConfig('resnet8_small', { ...shape, widths: [4, 6, 8] }));
const weights = new Map(
  modelParams(teacher).map((spec) => [spec.name, { shape: spec.shape, data: initialValue(spec, 1) }]),
);

/** A training step as a run builds it; plain gradient descent shows the gradient: next = now - lr gradient. */
const program = trainProgram({
  batch: B,
  student,
  teacher: (pixels) => buildFrozen(teacher, pixels, weights),
  loss: (context) => logitMse.loss({ ...context, config: SETTINGS }),
  optimiser: sgd({ momentum: 0, nesterov: false, weightDecay: 0 }),
  accumulate: 1,
  ema: false,
  pixels: [3, SIZE, SIZE],
});

const draws = stream('worked example');
const pixels = Float32Array.from({ length: B * 3 * SIZE * SIZE }, draws.normal);

it('is what docs/addingParts.md shows', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, page] = read('../docs/addingParts.md').split('\n## A method\n');
  const shown = /^```ts\n([\s\S]*?)^```/m.exec(page!)![1]!;
  const code = shown.slice(shown.indexOf('const config')).replace('export const', 'const').trim();
  expect(code.length).toBeGreaterThan(500);
  expect(read('./workedExample.test.ts')).toContain(code);
});

it('is the loss and the gradient that PyTorch has', () => {
  // s = torch.tensor([[1., 2., 3.], [0., -1., 1.]], dtype=torch.float64, requires_grad=True)
  // t = torch.tensor([[0., 2., 5.], [1., 1., 1.]], dtype=torch.float64)
  // loss = torch.nn.functional.mse_loss(s, t); loss.backward(); print(loss, s.grad)
  const [s, t] = [input('s', [2, 3]), input('t', [2, 3])];
  const { mse } = logitMse.loss({
    scope: new Scope(inputStore(), true),
    student: { logits: s },
    teacher: { logits: t },
    targets: undefined,
    config: SETTINGS,
  });
  const feeds = new Map([
    ['s', ndArray([2, 3], [1, 2, 3, 0, -1, 1])],
    ['t', ndArray([2, 3], [0, 2, 5, 1, 1, 1])],
  ]);
  const [loss, toStudent, toTeacher] = evaluate([mse!.value, ...grad(mse!.value, [s, t])], feeds);
  expect(loss!.data[0]).toBeCloseTo(1.6666666666666667, 12);
  expect(Array.from(toStudent!.data)).toEqual([1 / 3, 0, -2 / 3, -1 / 3, -2 / 3, 0].map((x) => expect.closeTo(x, 12)));
  expect(Array.from(toTeacher!.data)).toEqual([0, 0, 0, 0, 0, 0]);
});

it('leaves the labels their part, and says what it needs', () => {
  const half = logitMse.config.parse({});
  expect(logitMse.needs(half)).toEqual({ student: ['logits'], teacher: ['logits'], labels: 'any' });
  expect(logitMse.needs(SETTINGS).labels).toBe('none');
  const [s, t, targets] = [input('s', [2, 3]), input('t', [2, 3]), input('targets', [2, 3])];
  const scope = new Scope(inputStore(), true);
  const terms = logitMse.loss({ scope, student: { logits: s }, teacher: { logits: t }, targets, config: half });
  expect(Object.entries(terms).map(([name, { weight }]) => [name, weight])).toEqual([
    ['ce', 0.5],
    ['mse', 0.5],
  ]);
});

it('the gradient of a whole step, through the student, is the slope of its loss in float64', () => {
  const params = new Map(
    program.vectors.map(({ name, size, entries }) => {
      const values = new Float64Array(size);
      for (const { spec, offset } of entries) values.set(initialValue(spec, 2), offset);
      return [name, values];
    }),
  );
  const outputs = program.update.outputs;
  const at = (shift: number, along: ReadonlyMap<string, Float64Array>, wanted: readonly string[]) => {
    const feeds = new Map([
      ['batch.pixels', ndArray([B, 3, SIZE, SIZE], pixels)],
      ['scalar.rate', ndArray([], [-1])],
    ]);
    for (const [name, values] of params)
      feeds.set(
        `param.${name}`,
        ndArray(
          [values.length],
          values.map((x, i) => x + shift * along.get(name)![i]!),
        ),
      );
    return evaluate(
      wanted.map((name) => outputs.get(name)!),
      feeds,
    );
  };
  const still = new Map([...params].map(([name, values]) => [name, new Float64Array(values.length)]));
  const names = [...params.keys()];
  const after = at(
    0,
    still,
    names.map((name) => `next.param.${name}`),
  );
  const direction = new Map(names.map((name) => [name, params.get(name)!.map(() => draws.normal())]));
  const slopes = names.flatMap((name, k) =>
    Array.from(params.get(name)!, (x, i) => (x - after[k]!.data[i]!) * direction.get(name)![i]!),
  );
  const slope = slopes.reduce((a, b) => a + b, 0);
  const [up, down] = [1e-6, -1e-6].map((shift) => at(shift, direction, ['loss'])[0]!.data[0]!);
  expect(Math.abs(slope)).toBeGreaterThan(0.01);
  expect((up! - down!) / 2e-6 / slope).toBeCloseTo(1, 6);
});

describe('on ONNX Runtime', () => {
  it('trains: the student comes close to the logits of its teacher on a batch, and no teacher is in its state', async () => {
    const engine = ortNode({ threads: 1 });
    const compiled = await engine.compile(program.update);
    const state = new TrainState(engine, program);
    await state.write(new Map(), 2);
    const loss = engine.empty('float32', []);
    const losses: number[] = [];
    for (let step = 1; step <= 300; step++) {
      const scalars = Object.entries(program.scalars({ step, lr: 0.3 })).map(
        ([name, value]): [string, EngineTensor] => [
          `scalar.${name}`,
          engine.tensor('float32', [], Float32Array.of(value)),
        ],
      );
      const batch = engine.tensor('float32', [B, 3, SIZE, SIZE], pixels);
      const into = { ...state.into(program.update.outputs), loss };
      await compiled.run({ ...state.feeds(), 'batch.pixels': batch, ...Object.fromEntries(scalars) }, into);
      state.commit(program.update.outputs);
      losses.push(Number((await loss.read())[0]));
    }
    await compiled.dispose();
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 20);
    const held = [...(await state.read()).keys()].map((name) => name.replace('param.', ''));
    expect(held.sort()).toEqual(
      modelParams(student)
        .map(({ name }) => name)
        .sort(),
    );
  });
});
