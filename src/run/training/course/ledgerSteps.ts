import type { PlannedStage } from '../../plan/stages.ts';

/** The ledger is first told after so many steps of a stage: early enough to see that a term is too small to matter. */
const FIRST_LEDGER = 10;

export const nextMultiple = (step: number, span: number): number => (Math.floor(step / span) + 1) * span;

/** The next step at which the ledger is due: the tenth of a stage, and every `train.ledgerEvery`. */
export function nextLedger(stage: PlannedStage, step: number, every: number | null): number {
  const first = Math.min(stage.from + FIRST_LEDGER, stage.to);
  const regular = every === null ? Number.POSITIVE_INFINITY : nextMultiple(step, every);
  return step < first ? Math.min(first, regular) : regular;
}
