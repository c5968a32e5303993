import { UserError } from '../../../graph/errors.ts';
import type { RunConfig } from '../../../config/schema.ts';

export type EarlyStop = NonNullable<RunConfig['train']['earlyStop']>;

/** What a checkpoint keeps of it, so that a resumed run stops where the other one would have. */
export interface EarlyProgress {
  readonly best: number;
  /** Evaluations since the best one. */
  readonly since: number;
}

/**
 * The next state after an evaluation; `metrics` are by full name. A loss and a KL are better when
 * they are lower, all else when it is higher.
 */
export function watch(
  { metric }: EarlyStop,
  before: EarlyProgress | undefined,
  metrics: Readonly<Record<string, number>>,
): EarlyProgress {
  const value = metrics[metric];
  if (value === undefined) throw unknownMetric(metric, Object.keys(metrics));
  const better = before === undefined || (/(loss|kl)$/.test(metric) ? value < before.best : value > before.best);
  return better ? { best: value, since: 0 } : { ...before, since: before.since + 1 };
}

export const toldEarly = ({ metric }: EarlyStop, { best, since }: EarlyProgress, step: number, total: number): string =>
  `stopped early at step ${step} of ${total}: ${metric} was best ${since} evaluations ago (${best})`;

export const toldAsked = (step: number, total: number): string =>
  `finished by request at step ${step} of ${total}: evaluated, and kept as a run that is done`;

/** Refuses, before the run begins, a metric that its evaluations will not have. */
export function checkEarlyStop(
  stop: EarlyStop | null,
  run: {
    readonly labelled: boolean;
    readonly multilabel: boolean;
    readonly teacher: boolean;
    readonly ema: boolean;
    readonly classes: number;
  },
): void {
  if (stop === null) return;
  const features = ['loss', 'neighbour_agreement', 'effective_rank'];
  const own = run.labelled ? ['loss', 'top1', ...(run.classes > 5 ? ['top5'] : [])] : [];
  const decisions =
    run.multilabel && run.labelled
      ? ['loss', 'map', 'micro_f1', 'macro_f1']
      : [...own, ...(run.teacher ? ['teacher_agreement', 'teacher_kl'] : [])];
  const names = run.classes === 0 ? features : decisions;
  const known = (run.ema ? ['val', 'val_ema'] : ['val']).flatMap((kind) => names.map((name) => `${kind}/${name}`));
  if (!known.includes(stop.metric)) throw unknownMetric(stop.metric, known);
}

const unknownMetric = (metric: string, known: readonly string[]): UserError =>
  new UserError(`train.earlyStop.metric: this run has no "${metric}"; wanted one of ${known.join(', ')}`);
