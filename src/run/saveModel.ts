import type { SavedModel } from '../formats/modelFolderNode.ts';
import type { TrainState } from '../train/trainState.ts';
import type { RunParts } from './buildStage.ts';
import { writeExport } from './exportModel.ts';

/** A run's student without its weights. */
export function describe({ studentConfig, data, preprocessing }: RunParts): Omit<SavedModel, 'weights'> {
  return { model: studentConfig, classes: data.classes, preprocessing };
}

/** Writes the student alone, ready to use, with its weights or their moving average; the method's own parameters stay out. */
export async function writeBestModel(
  dir: string,
  parts: RunParts,
  state: TrainState,
  kind: 'param' | 'ema',
): Promise<void> {
  const prefix = `${kind}.`;
  const own = [...(await state.read())].filter(
    ([name]) => name.startsWith(prefix) && !name.startsWith(`${prefix}method.`),
  );
  await writeExport(dir, {
    ...describe(parts),
    weights: new Map(own.map(([name, array]) => [name.slice(prefix.length), array])),
  });
}
