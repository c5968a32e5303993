/** What a run costs, in seconds. */
export interface RunCost {
  /** Before the first update, and what the first epoch and the first evaluation take more than later ones. */
  readonly once: number;
  /** The updates of an epoch. */
  readonly epoch: number;
  readonly evaluation: number;
  /** Epochs from one evaluation to the next; there is one after the last update too. */
  readonly evalEvery: number;
}

export const secondsOfRun = (epochs: number, { once, epoch, evaluation, evalEvery }: RunCost): number =>
  once + epochs * epoch + Math.ceil(epochs / evalEvery) * evaluation;

/** The most epochs, down to the hundredth, with which a run ends in time; below 1 where not even one does. */
export function epochsInTime(seconds: number, cost: RunCost): number {
  const { once, epoch, evaluation, evalEvery } = cost;
  const between = epoch * evalEvery;
  // Whole stretches from evaluation to evaluation, then what is left less the evaluation that ends it.
  const stretches = Math.max(0, Math.floor((seconds - once) / (between + evaluation)));
  const left = seconds - once - stretches * (between + evaluation) - evaluation;
  const epochs = stretches * evalEvery + Math.max(0, left / epoch);
  // Rounding must not take the hundredth that is exactly there.
  return Math.floor(100 * epochs + 1e-6) / 100;
}
