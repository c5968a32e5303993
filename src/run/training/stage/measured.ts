import { ChannelMoments } from '../../../analysis/moments.ts';
import { imageName, select } from '../../../data/dataset.ts';
import type { TransformConfig } from '../../../data/augment/pipeline.ts';
import { checkRows } from '../../../engine/finiteAnswer.ts';
import type { Platform } from '../../../host/host.ts';
import { internal } from '../../../graph/errors.ts';
import type { Init, ParamSpec } from '../../../nn/scope.ts';
import { collectParams } from '../../../program/trainProgram.ts';
import type { UnstampedEvent } from '../../../train/events.ts';
import type { StateArray } from '../../../train/trainState.ts';
import { evalBatches, transformOf } from '../../datasets/loaders.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { teacherProgram, type TeacherUse } from '../../teacher/features.ts';
import { spread } from '../../teacher/precision.ts';
import { type RunParts, stageSpec, teacherUse } from './spec.ts';

type Measured = Extract<Init, { kind: 'measured' }>;

/** Images to a pass of the teacher. */
const BATCH = 16;

/** The student's view of an image as it is evaluated, at the teacher's size and in its normalisation. */
export function teacherTransform({ settings }: RunParts, { teacher }: TeacherUse): TransformConfig {
  const { imageSize, mean, std, filter } = teacher.preprocessing;
  return { ...transformOf(settings), imageSize, mean, std, ...(filter && { filter }) };
}

/**
 * What a stage's method wants measured of the teacher before the first step (the standardisation of its features), as arrays of the
 * state; what is there already, from a stage before, stays.
 * Our choice: on training images as evaluation sees them, not as augmentation makes them, and in float32.
 */
export async function measuredState(
  parts: RunParts,
  stage: PlannedStage,
  platform: Platform,
  inherited: ReadonlyMap<string, StateArray>,
  emit: (event: UnstampedEvent) => void,
): Promise<ReadonlyMap<string, StateArray>> {
  const open = collectParams(stageSpec(parts, stage, {})).flatMap((spec) =>
    spec.init.kind === 'measured' && !inherited.has(`param.${spec.name}`) ? [{ spec, init: spec.init }] : [],
  );
  const use = teacherUse(parts, stage);
  if (open.length === 0 || !use) return inherited;
  const names = [...new Set(open.map(({ init }) => init.feature))];
  const images = open.reduce((most, { init }) => Math.max(most, init.images), 0);
  const { found, seen } = await momentsOf(parts, use, platform, names, images);
  emit({
    type: 'note',
    message: `teacher's features are standardised by their mean and deviation on ${seen} training images`,
  });
  return new Map([
    ...inherited,
    ...open.map(({ spec, init }) => [`param.${spec.name}`, arrayOf(spec, init, found.get(init.feature)!)] as const),
  ]);
}

async function momentsOf(
  parts: RunParts,
  use: TeacherUse,
  { engine, loader: load }: Platform,
  names: readonly string[],
  images: number,
) {
  const { data, config } = parts;
  const list = select(data.train, spread(data.train.paths.length, images));
  const batch = Math.min(BATCH, list.paths.length);
  const program = teacherProgram(use, batch, use.teacher.preprocessing, names, undefined);
  const compiled = await engine.compile(program);
  const into = Object.fromEntries([...program.outputs].map(([name, t]) => [name, engine.empty(t.dtype, t.shape)]));
  const found = new Map([...program.outputs].map(([name, { shape }]) => [name, new ChannelMoments(shape.at(-1)!)]));
  const answering = { model: use.teacher.path, image: (index: number) => imageName(list, index) };
  const loader = load(evalBatches(list, teacherTransform(parts, use), batch, config));
  const { shape } = program.inputs.get('pixels')!;
  let seen = 0;
  try {
    for await (const { images: pixels, valid, indices, release } of loader.batches()) {
      await compiled.run({ pixels: engine.tensor('float32', shape, pixels) }, into);
      for (const [name, tensor] of Object.entries(into)) {
        const values = (await tensor.read()) as Float32Array;
        checkRows(
          values,
          name,
          answering,
          Array.from(indices, (index, row) => (valid[row] ? index : -1)),
        );
        const size = values.length / batch;
        valid.forEach((is, row) => void (is && found.get(name)!.add(values.subarray(row * size, (row + 1) * size))));
      }
      seen += valid.reduce((sum, is) => sum + is, 0);
      release();
    }
  } finally {
    await compiled.dispose();
    await loader.close();
  }
  return { found, seen };
}

function arrayOf({ name, shape }: ParamSpec, { statistic }: Measured, moments: ChannelMoments): StateArray {
  const variance = moments.variance();
  const values = {
    mean: () => moments.mean(),
    deviation: () => variance.map(Math.sqrt),
    scalarDeviation: () => [Math.sqrt(variance.reduce((sum, one) => sum + one, 0) / variance.length)],
  }[statistic]();
  const data = Float32Array.from(values);
  if (data.length !== shape[0]) throw internal(`${name}: wanted ${shape[0]} numbers, got ${data.length}`);
  return { shape, data };
}
