import type { RunConfig } from '../../config/schema.ts';
import { UserError } from '../../graph/errors.ts';
import { type Schedule, warmupConstant, warmupCosine, warmupStep } from '../../optim/schedule.ts';
import type { Settings } from './defaults.ts';
import type { PlannedStage } from './stages.ts';

/**
 * The run's settings with the stage's own over them; `auto` is what the run has.
 * Our choice: a stage with a learning rate of its own falls to a hundredth of it, as runs do, and only the first stage warms
 * up where nothing is said, since the weights of the others are warm.
 */
export function stageSettings(settings: Settings, config: RunConfig, { index, optim }: PlannedStage): Settings {
  if (!optim) return settings;
  const given = Object.fromEntries(
    Object.entries(optim).filter(([, value]) => value !== undefined && value !== 'auto'),
  ) as Partial<Settings['optim']>;
  const falls = given.lr !== undefined && config.optim.minLr === 'auto';
  const own = {
    ...settings.optim,
    ...(index > 0 ? { warmupEpochs: 0 } : {}),
    ...(falls ? { minLr: Number((given.lr! / 100).toPrecision(6)) } : {}),
    ...given,
  };
  if (own.minLr > own.lr)
    throw new UserError(
      `stages.${index}.optim: wanted minLr not above lr, got minLr ${own.minLr} and lr ${own.lr}; give the stage both`,
    );
  return { ...settings, optim: own };
}

/** The learning rate over the run's steps as a stage has it: its own from its first step on, else the run's, which goes on. */
export function stageSchedule(
  settings: Settings,
  config: RunConfig,
  stage: PlannedStage,
  updatesPerEpoch: number,
  totalSteps: number,
): Schedule {
  if (!stage.optim) return scheduleOf(settings, updatesPerEpoch, totalSteps);
  const own = scheduleOf(stageSettings(settings, config, stage), updatesPerEpoch, stage.to - stage.from);
  return (step) => own(step - stage.from);
}

/** What a stage does, as a line at the start of a run. */
export function describeStage(
  settings: Settings,
  config: RunConfig,
  stage: PlannedStage,
  updatesPerEpoch: number,
): string {
  const { index, name, from, to, optim } = stage;
  const epochs = `epochs ${from / updatesPerEpoch + 1} to ${Number((to / updatesPerEpoch).toFixed(2))}`;
  if (!optim) return `stage ${index + 1}: ${name}, ${epochs}, learning rate of the run`;
  const { lr, minLr, warmupEpochs, schedule, weightDecay } = stageSettings(settings, config, stage).optim;
  const end = schedule === 'cosine' ? ` to ${minLr}` : '';
  return `stage ${index + 1}: ${name}, ${epochs}, learning rate of its own: ${schedule} ${lr}${end}, warm-up ${warmupEpochs} epochs, weight decay ${weightDecay}`;
}

/** A schedule over `totalSteps` from its own first step. */
function scheduleOf({ optim }: Settings, updatesPerEpoch: number, totalSteps: number): Schedule {
  const warmupSteps = Math.min(Math.round(optim.warmupEpochs * updatesPerEpoch), Math.max(0, totalSteps - 1));
  const common = {
    lr: optim.lr,
    minLr: optim.minLr,
    warmupLr: Math.min(optim.warmupLr, optim.lr),
    warmupSteps,
    totalSteps,
  };
  if (optim.schedule === 'cosine') return warmupCosine({ ...common, over: optim.cosineOver });
  if (optim.schedule === 'constant') return warmupConstant(common);
  const every = Math.max(1, Math.round(optim.stepEpochs * updatesPerEpoch));
  return warmupStep({ ...common, every, gamma: optim.stepGamma });
}
