import { describe, expect, it } from 'vitest';
import { VULKAN_DRIVER } from '../../tests/systemPackages.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { buildModel, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { adamw } from '../optim/adamw.ts';
import { trainProgram } from '../program/trainProgram.ts';
import type { Engine } from './contract.ts';
import { engineContract } from './contractSuite.ts';
import { ortNode } from './ortNode.ts';
import { ortWebgpu } from './ortWebgpuNode.ts';

const driver = VULKAN_DRIVER.find();
const present = driver !== undefined;
if (present) process.env.VK_ICD_FILENAMES = driver;

if (present) engineContract(ortWebgpu());

describe.skipIf(!present)('a training step on WebGPU', () => {
  const config = variantConfig('vit_pico_patch4', { imageSize: 28, classes: 10, depth: 1, width: 16, heads: 2 });
  const program = trainProgram({
    batch: 2,
    student: buildModel(config),
    loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets), weight: 1 } }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
    accumulate: 1,
    ema: false,
    pixels: [3, 28, 28],
  });

  /** Losses of three steps, the state staying on the device, and the weights after them. */
  async function train(engine: Engine) {
    const compiled = await engine.compile(program.update, { stays: (name) => name.startsWith('next.') });
    const feeds = Object.fromEntries(
      [...program.update.inputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]),
    );
    const into = Object.fromEntries(
      [...program.update.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]),
    );
    feeds['batch.pixels']!.write(Float32Array.from({ length: 2 * 3 * 28 * 28 }, (_, i) => Math.sin(i)));
    feeds['batch.targets']!.write(Float32Array.from({ length: 20 }, (_, i) => (i === 3 || i === 15 ? 1 : 0)));
    for (const [name, value] of Object.entries(program.scalars({ step: 1, lr: 1e-3 })))
      feeds[`scalar.${name}`]!.write(Float32Array.of(value));
    for (const { name, size, entries } of program.vectors) {
      const values = new Float32Array(size);
      for (const { spec, offset } of entries) values.set(initialValue(spec, 0), offset);
      feeds[`param.${name}`]!.write(values);
    }
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      await compiled.run(feeds, into);
      losses.push(Number((await into.loss!.read())[0]));
      for (const name of Object.keys(into).filter((name) => name.startsWith('next.'))) {
        const port = name.slice('next.'.length);
        [feeds[port], into[name]] = [into[name]!, feeds[port]!];
      }
    }
    return { losses, weights: Array.from((await feeds['param.decay']!.read()) as Float32Array) };
  }

  it('equals the CPU step', { timeout: 180_000 }, async () => {
    const [gpu, cpu] = [await train(ortWebgpu()), await train(ortNode({ threads: 1 }))];
    for (const [i, loss] of cpu.losses.entries()) expect(gpu.losses[i]).toBeCloseTo(loss, 5);
    expect(cpu.losses[2]).toBeLessThan(cpu.losses[0]! - 0.05);
    const worst = Math.max(...cpu.weights.map((value, i) => Math.abs(value - gpu.weights[i]!)));
    expect(worst).toBeLessThan(2e-5);
  });
});
