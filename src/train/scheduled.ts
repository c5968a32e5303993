import type { ScheduledSpec } from '../nn/scope.ts';

/** Where a stage lies in a run: its first update and the first one after it, counted over the run from 0. */
export interface StageSpan {
  readonly from: number;
  readonly to: number;
  readonly updatesPerEpoch: number;
}

/**
 * Numbers that change with the epoch, at an update of the run. They depend on its place alone, so that a resumed run has the same.
 * What is looked at behind the last update belongs to the last epoch.
 */
export function scheduledAt(
  schedules: readonly ScheduledSpec[],
  { from, to, updatesPerEpoch }: StageSpan,
  step: number,
): Record<string, number> {
  const epochs = Math.max(1, Math.ceil((to - from) / updatesPerEpoch));
  const epoch = Math.min(epochs - 1, Math.floor((step - from) / updatesPerEpoch));
  return Object.fromEntries(schedules.map(({ name, at }) => [name, at(epoch, epochs)]));
}
