import type { Engine } from '../engine/contract.ts';
import { probeProgram } from '../program/probeProgram.ts';
import { trainProgram, type TrainSpec } from '../program/trainProgram.ts';
import { drawNoise } from '../nn/noise.ts';
import { stream } from '../random/stream.ts';
import { oneHot, type TrainBatch } from '../train/stageLoop.ts';
import { type StateArray, TrainState } from '../train/trainState.ts';

/**
 * The numbers for terms whose weight is "auto": such that the term's gradient over the student's parameters begins as long as
 * that of the other terms together, measured on the stage's first batch. Our choice of rule; each is printed.
 */
export async function autoWeights(
  spec: TrainSpec,
  inherited: ReadonlyMap<string, StateArray>,
  seed: number,
  engine: Engine,
  batch: () => Promise<TrainBatch>,
  note: (message: string) => void,
): Promise<Record<string, number>> {
  const program = trainProgram(spec);
  const open = Object.entries(program.weights).filter(([, weight]) => Number.isNaN(weight));
  if (open.length === 0) return {};
  const probe = probeProgram(spec, program.vectors);
  const compiled = await engine.compile(probe);
  const state = new TrainState(engine, program);
  await state.write(inherited, seed);
  const { images, labels } = await batch();
  const feeds = {
    ...state.feeds(),
    'batch.pixels': engine.tensor('float32', [spec.batch, ...spec.pixels], images),
    'batch.targets': engine.tensor('float32', [spec.batch, spec.student.classes], oneHot(labels, spec.student.classes)),
    ...Object.fromEntries(
      program.noises.map((n) => [
        `noise.${n.name}`,
        engine.tensor('uint8', n.shape, drawNoise(n, stream(seed, 'probe', n.name))),
      ]),
    ),
  };
  const into = Object.fromEntries([...probe.outputs.keys()].map((name) => [name, engine.empty('float32', [])]));
  await compiled.run(feeds, into);
  await compiled.dispose();
  const norms = new Map<string, number>();
  for (const name of Object.keys(program.weights))
    norms.set(name, ((await into[`norm.${name}`]!.read()) as Float32Array)[0]!);
  const fixed = Object.entries(program.weights).filter(([, weight]) => !Number.isNaN(weight));
  const rest = Math.sqrt(fixed.reduce((sum, [name, weight]) => sum + (weight * norms.get(name)!) ** 2, 0));
  return Object.fromEntries(
    open.map(([name]) => {
      const norm = norms.get(name)!;
      const weight = norm > 0 ? Number(((rest === 0 ? 1 : rest) / norm).toPrecision(4)) : 1;
      note(
        `weight of ${name} = ${weight} ("auto": its gradient has length ${norm.toPrecision(3)}, the other terms' ${rest.toPrecision(3)})`,
      );
      return [name, weight];
    }),
  );
}
