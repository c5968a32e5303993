import { input } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Term, Terms } from '../methods/method.ts';
import { add, div, maximum, mul, stopGradient, sub } from '../ops/elementwise.ts';

/**
 * How the weights of a loss follow from the shares of its terms, which are fed: share / loss, since the shares are those of the
 * gradients of the losses' logarithms (DTO-KD, ICLR 2026; FAMO, arXiv 2306.03792).
 */
export interface BalanceForm {
  /** False: the share itself. */
  readonly logLoss: boolean;
  /** The least that a loss counts as: one that is 0 already would take the whole weight. */
  readonly floor: number;
  /** Lower bounds of losses by the name of the term; left out: 0. */
  readonly minLoss: Readonly<Record<string, number>>;
  /** sum: the weights add up to the number of terms, so that the learning rate keeps its meaning; none: as they come. */
  readonly normalise: 'sum' | 'none';
}

/** The port of a term's share. */
export const shareName = (term: string): string => `share.${term}`;

/** The terms that a balance weighs: those that have a weight, where they are two or more. A weight of NaN is "auto". */
export function balancedTerms(terms: Readonly<Record<string, Pick<Term, 'weight'>>>): string[] {
  const names = Object.keys(terms).filter((name) => terms[name]!.weight !== 0);
  return names.length < 2 ? [] : names;
}

/** What a loss counts as in its logarithm. */
export const above = (loss: number, name: string, { floor, minLoss }: BalanceForm): number =>
  Math.max(loss - (minLoss[name] ?? 0), floor);

/** The weights of losses at their shares; `balanceWeights` has the same in the graph. */
export function weightsFromShares(
  shares: Readonly<Record<string, number>>,
  losses: Readonly<Record<string, number>>,
  form: BalanceForm,
): Record<string, number> {
  const names = Object.keys(shares);
  const raw = names.map((name) => (form.logLoss ? shares[name]! / above(losses[name]!, name, form) : shares[name]!));
  const scale = form.normalise === 'sum' ? names.length / raw.reduce((a, b) => a + b, 0) : 1;
  return Object.fromEntries(names.map((name, i) => [name, raw[i]! * scale]));
}

/** Weights are constants: no gradient passes through them. */
export function balanceWeights(terms: Terms, form: BalanceForm): Map<string, Tensor> {
  const names = balancedTerms(terms);
  const raw = names.map((name) => {
    const share = input(`scalar.${shareName(name)}`, []);
    const loss = sub(stopGradient(terms[name]!.value), form.minLoss[name] ?? 0);
    return form.logLoss ? div(share, maximum(loss, form.floor)) : share;
  });
  const scale =
    form.normalise === 'sum' && names.length > 0
      ? div(
          names.length,
          raw.reduce((a, b) => add(a, b)),
        )
      : 1;
  return new Map(names.map((name, i) => [name, mul(raw[i]!, scale)]));
}
