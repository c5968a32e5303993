import type { RunConfig } from '../../../config/schema.ts';
import { UserError } from '../../../graph/errors.ts';
import type { Model } from '../../../models/index.ts';
import { networkOf } from '../../../onnx/network.ts';
import type { ParamSpec } from '../../../nn/scope.ts';
import { initialWeights } from '../stage/initialWeights.ts';
import type { LoadedModel, OwnModel } from '../../models/loaded.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { studentConfig } from '../../plan/studentConfig.ts';

/**
 * Whether labels alone teach a new head on weights of another model that are all there: then a linear probe comes first where
 * nothing else is said. `config` has the input side that the student takes over.
 */
export function probesByDefault(
  config: RunConfig,
  imageSize: number | 'auto',
  classes: readonly string[],
  init: OwnModel | undefined,
): boolean {
  if (!init || imageSize === 'auto' || config.stages !== 'auto' || config.method !== 'supervised') return false;
  const described = studentConfig(config, { imageSize, classes: classes.length }, [], undefined, init.model);
  const { keepsHead, fresh } = initialWeights(init, networkOf(described, init.path), classes);
  return !keepsHead && fresh.length === 0;
}

interface Probed {
  readonly config: RunConfig;
  readonly stages: readonly PlannedStage[];
  readonly student: Model;
  readonly classes: readonly string[];
  readonly init: LoadedModel | undefined;
}

/**
 * Refuses a linear probe that has no new head to train, or that would freeze what is random.
 * @throws UserError
 */
export function checkProbe({ config, stages, student, classes, init }: Probed): void {
  const share = config.train.linearProbe;
  if (config.stages !== 'auto' && share !== 'auto' && share > 0)
    throw new UserError(
      `train.linearProbe: wanted no stages of your own beside it, got ${share} and a list of stages; write train: head into the stage that is a linear probe`,
    );
  const stage = stages.find(({ train }) => train === 'head');
  if (!stage) return;
  const where = whereOf(config, stage);
  if (!init)
    throw new UserError(
      `${where}: a linear probe trains a new head on the weights of another model, and there is none; give one with --init REF (student.init), or train all parameters`,
    );
  const { keepsHead, fresh } = initialWeights(init, student, classes);
  if (keepsHead)
    throw new UserError(
      `${where}: a linear probe trains a new head, but ${init.path} knows all classes of the data, so its head is kept; train all parameters (train.linearProbe=0)`,
    );
  if (fresh.length > 0)
    throw new UserError(
      `${where}: a linear probe freezes all below the head, but ${init.path} lacks ${some(fresh)}, which would stay random; leave out the settings or the method that add them, or train all parameters (train.linearProbe=0)`,
    );
}

/** Refuses a method that trains parameters of its own beside the student. */
export function checkProbeMethod(config: RunConfig, stage: PlannedStage, params: readonly ParamSpec[]): void {
  const own = params.map(({ name }) => name).filter((name) => name.startsWith('method.'));
  if (stage.train === 'all' || own.length === 0) return;
  throw new UserError(
    `${whereOf(config, stage)}: a linear probe trains the head alone, but ${stage.method.name} has parameters of its own (${some(own)}) that shape the features below it; probe with supervised, kd, nkd or dkd, or train all parameters (train.linearProbe=0)`,
  );
}

const whereOf = ({ stages }: RunConfig, { index }: PlannedStage): string =>
  stages === 'auto' ? 'train.linearProbe' : `stages.${index}.train`;

const some = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
