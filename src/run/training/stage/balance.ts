import type { RunConfig } from '../../../config/schema.ts';
import type { Engine } from '../../../engine/contract.ts';
import { UserError } from '../../../graph/errors.ts';
import { unknownName } from '../../../graph/names.ts';
import type { TrainProgram, TrainSpec } from '../../../program/trainProgram.ts';
import { Balancer, type BalanceSettings } from '../../../train/balance/balancer.ts';
import type { BalanceState } from '../../../train/balance/rules.ts';
import type { PlannedStage } from '../../plan/stages.ts';

type Weights = RunConfig['weights'];

/** Before anything is opened: what balanced weights cannot go with. */
export function checkBalance({ weights, train }: RunConfig): void {
  if (weights.mode === 'fixed') refuseIdle(weights);
  else if (train.lanes > 1)
    throw new UserError(
      `weights: balanced: wanted train.lanes=1, since the terms are measured on one engine; got ${train.lanes}. Set train.lanes=1, or weights=fixed`,
    );
}

/** Settings of the balance that nothing reads would be passed over in silence. */
function refuseIdle(weights: Weights): void {
  if (weights.rule !== 'closed' || weights.every !== 'auto' || Object.keys(weights.minLoss).length > 0)
    throw new UserError(
      'weights: its rule, every and minLoss are for balanced weights; wanted weights.mode=balanced beside them, got fixed',
    );
}

/** Refuses, before anything is compiled, settings that name a term of no stage, or leave a stage's terms too little. */
export function checkBalancedTerms({ minLoss, shareMin }: Weights, stages: readonly (readonly string[])[]): void {
  const known = [...new Set(stages.flat())];
  const unknown = Object.keys(minLoss).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('term of weights.minLoss', unknown, known);
  for (const terms of stages)
    if (shareMin * terms.length > 1)
      throw new UserError(
        `weights.shareMin: wanted at most 1/${terms.length} for ${terms.length} terms (${terms.join(', ')}), got ${shareMin}`,
      );
}

/** Undefined where a stage's weights are fixed: by the settings, or since it has one term. */
export async function openBalancer(
  weights: Weights,
  engine: Engine,
  stage: PlannedStage,
  spec: TrainSpec,
  program: TrainProgram,
  before: BalanceState | undefined,
): Promise<Balancer | undefined> {
  if (program.balanced.length === 0) return undefined;
  const every = weights.every === 'auto' ? EVERY[weights.rule] : weights.every;
  const settings: BalanceSettings = { ...weights, every };
  return Balancer.open({ settings, engine, spec, program, from: stage.from }, before);
}

/** Our choice: see `weights.every`. */
const EVERY = { closed: 50, amortised: 1 } as const;

/** What is told of a stage whose terms are balanced. */
export function toldBalance({ rule }: Weights, { balanced }: TrainProgram): string {
  const how = rule === 'closed' ? "the terms' gradients" : 'how fast each term falls';
  return `weights of ${balanced.join(', ')} are balanced by ${how}; the methods' own weights are where they begin`;
}
