import { parseConfig } from '../../config/parse.ts';
import type { RunConfig, StageOptim } from '../../config/schema.ts';
import { UserError } from '../../graph/errors.ts';
import { type Method, type MethodStage, type MethodTable, methodNamed } from '../../methods/index.ts';
import { stepsPerEpoch } from '../../data/loading/sampler.ts';

/** One stage of a run: a method with its settings, and the updates that it has. */
export interface PlannedStage {
  readonly index: number;
  readonly name: string;
  readonly method: Method;
  readonly settings: unknown;
  /** head: the classifier alone (a linear probe). */
  readonly train: 'all' | 'head';
  /** Side at which the student sees its images, below its own. */
  readonly imageSize?: number | undefined;
  /** Update at which its optimiser began: a stage that trains other parameters than the one before has a new one. */
  readonly optimiserFrom: number;
  /** A learning-rate policy of its own. */
  readonly optim?: StageOptim | undefined;
  /** First update of the stage and the first one after it, counted over the run from 0. */
  readonly from: number;
  readonly to: number;
}

/** Whether the stage's optimiser begins with it. */
export const hasNewOptimiser = ({ from, optimiserFrom }: PlannedStage): boolean => from === optimiserFrom;

/** What comes before the rest of a run: so much of it trains the new head alone. */
export interface Probe {
  readonly share: number;
  /** Learning rate of the head alone, where more follows. */
  readonly lr: number;
  /** Warm-up of what follows. */
  readonly warmupEpochs: number;
}

type Listed = MethodStage & Partial<Pick<PlannedStage, 'optim' | 'train' | 'imageSize'>>;

/** The stages as methods with checked settings; their shares of the epochs become whole epochs, at least one each; the last stage has what is left. */
export function planStages(
  config: RunConfig,
  epochs: number,
  updatesPerEpoch: number,
  probe?: Probe,
  methods?: MethodTable,
): PlannedStage[] {
  const settingsOf = (method: Method, inherited: object = {}) =>
    parseConfig(method.config, { ...inherited, ...givenSettings(method, config) }, `methods.${method.name}`);
  const main = methodNamed(config.method, methods);
  const listed: readonly Listed[] =
    config.stages === 'auto'
      ? afterProbe(main.stages?.(settingsOf(main)) ?? [{ method: config.method, share: 1 }], probe)
      : config.stages;
  const total = listed.reduce((sum, { share }) => sum + share, 0);
  if (Math.abs(total - 1) > 1e-6) throw new UserError(`stages: the shares must sum to 1, got ${total}`);
  if (listed.length > epochs)
    throw new UserError(
      `stages: ${listed.length} stages need at least ${listed.length} epochs, got ${epochs}; set train.epochs`,
    );
  for (const name of Object.keys(config.methods)) methodNamed(name, methods);
  let [shares, start, optimiserFrom] = [0, 0, 0];
  return listed.map(({ method: name, share, settings, optim, imageSize, train = 'all' }, index) => {
    shares += share;
    const rest = listed.length - 1 - index;
    const end =
      rest === 0 ? epochs : Math.min(Math.floor(epochs) - rest, Math.max(start + 1, Math.round(shares * epochs)));
    const method = methodNamed(name, methods);
    if (index > 0 && train !== (listed[index - 1]!.train ?? 'all')) optimiserFrom = start * updatesPerEpoch;
    const stage = {
      index,
      name: train === 'head' ? `${name} (head)` : name,
      method,
      settings: settingsOf(method, settings),
      ...{ train, optimiserFrom, optim, imageSize },
      from: start * updatesPerEpoch,
      to: Math.round(end * updatesPerEpoch),
    };
    start = end;
    return stage;
  });
}

/**
 * Probes first, then trains as without it (LP-FT: Kumar et al., arXiv 2202.10054, section 4): a random head's gradients would
 * spoil the features below it.
 * Our choice: the head has the learning rate of a training from scratch, which is what it gets, and no warm-up; `optim.lr` is for
 * the weights that are there already, which warm up after it since their optimiser is new. A probe alone takes `optim` as it is.
 */
function afterProbe(stages: readonly MethodStage[], probe: Probe | undefined): readonly Listed[] {
  const first = stages[0]!;
  if (!probe || probe.share === 0) return stages;
  if (probe.share === 1) return [{ ...first, share: 1, train: 'head' }];
  const { share, lr, warmupEpochs } = probe;
  return [
    { ...first, share, train: 'head', optim: { lr, warmupEpochs: 0 } },
    ...stages.map((stage) => ({ ...stage, share: stage.share * (1 - share), optim: { warmupEpochs } })),
  ];
}

/** A sum of methods takes the sections of its members. */
function givenSettings({ name, parts }: Method, { methods }: RunConfig): object {
  return parts ? Object.fromEntries(parts.map((part) => [part, methods[part] ?? {}])) : (methods[name] ?? {});
}

export function updatesIn(images: number, batch: number, accumulate: number): number {
  const updates = Math.floor(stepsPerEpoch(images, batch, true) / accumulate);
  if (updates < 1)
    throw new UserError(
      `train.accumulate: ${accumulate} x ${batch} images are more than the ${images} training images; lower train.accumulate or train.batch`,
    );
  return updates;
}
