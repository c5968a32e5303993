import type { RunConfig } from '../../config/schema.ts';
import type { MethodTable } from '../../methods/index.ts';
import { UserError } from '../../graph/errors.ts';
import type { Settings } from './defaults.ts';
import { type PlannedStage, planStages } from './stages.ts';

/** Epochs that any number of stages fits into: only the methods and their settings are looked at. */
const ENOUGH = 1_000_000;

/** Whether a stage of the run learns from labels of one class only. */
export function takesIntegerLabels(config: RunConfig, methods?: MethodTable): boolean {
  return planStages(config, ENOUGH, 1, undefined, methods).some(isInteger);
}

const isInteger = ({ method, settings }: PlannedStage): boolean => method.needs(settings).labels === 'integer';

/** Refuses mixed batches where a method's target is one class: the graph could not tell, and would learn from wrong labels. */
export function checkMixing(stages: readonly PlannedStage[], { augment }: Settings): void {
  const mixed = augment.mixProbability > 0 && (augment.mixup > 0 || augment.cutmix > 0);
  const needy = stages.find(isInteger);
  if (!mixed || !needy) return;
  throw new UserError(
    `method ${needy.name}: its target is one class, so it cannot learn from mixed images; got augment.mixup ${augment.mixup} and augment.cutmix ${augment.cutmix} (preset ${augment.preset}). Set augment.mixup=0 and augment.cutmix=0, or take another method (nkd, kd)`,
  );
}
