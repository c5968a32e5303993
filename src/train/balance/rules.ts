import { above, type BalanceForm } from '../../program/balanced.ts';
import { type Gram, minNorm } from './minNorm.ts';

/** How shares are found. */
export interface BalanceRule extends BalanceForm {
  /** closed: the shortest sum of the gradients. amortised: by how much each loss fell in a step (FAMO). */
  readonly rule: 'closed' | 'amortised';
  /** Of closed: the part of the old shares that stays at a measurement. */
  readonly smooth: number;
  /** The least share. */
  readonly shareMin: number;
  /** Of amortised: learning rate and L2 decay of the shares' logits. */
  readonly lr: number;
  readonly decay: number;
}

type Numbers = Readonly<Record<string, number>>;

/** All that the shares depend on; a checkpoint has it. */
export interface BalanceState {
  readonly shares: Numbers;
  /** Of amortised: the logits of the shares and their Adam's moments. */
  readonly logits: Numbers;
  readonly first: Numbers;
  readonly second: Numbers;
  /** Measurements so far, and how many of them left a term without a share or said nothing. */
  readonly measured: number;
  readonly clamped: number;
  readonly degenerate: number;
}

/**
 * Before anything is measured. The terms' own weights cannot act through a logarithm; they are where the shares begin. "auto" (NaN)
 * begins as 1.
 */
export function beginBalance(weights: Numbers, rule: BalanceRule): BalanceState {
  const logits = mapValues(weights, (weight) => Math.log(Number.isNaN(weight) ? 1 : weight));
  const zeros = mapValues(weights, () => 0);
  const shares = raised(softmax(logits), rule.shareMin);
  return { shares, logits, first: zeros, second: zeros, measured: 0, clamped: 0, degenerate: 0 };
}

/** After the gradients of the losses were measured, in the order of the shares: the closed rule. */
export function afterGradients(before: BalanceState, gram: Gram, losses: Numbers, rule: BalanceRule): BalanceState {
  const names = Object.keys(before.shares);
  const scales = names.map((name) => (rule.logLoss ? above(losses[name]!, name, rule) : 1));
  const { shares, kind } = minNorm(gram.map((row, i) => row.map((x, j) => x / (scales[i]! * scales[j]!))));
  const found = raised(Object.fromEntries(names.map((name, i) => [name, shares[i]!])), rule.shareMin);
  // The first measurement stands alone: what was before it is a guess.
  const stays = before.measured === 0 ? 0 : rule.smooth;
  return {
    ...before,
    shares: mapValues(found, (share, name) => stays * before.shares[name]! + (1 - stays) * share),
    measured: before.measured + 1,
    clamped: before.clamped + (kind === 'clamped' ? 1 : 0),
    degenerate: before.degenerate + (kind === 'degenerate' ? 1 : 0),
  };
}

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/**
 * After a step, with the losses of one batch before and after it: FAMO (NeurIPS 2023; github.com/Cranial-XIX/FAMO). A loss that fell
 * faster than the others loses weight. Adam with the decay in the gradient, as torch.optim.Adam has it.
 */
export function afterStep(state: BalanceState, losses: Numbers, after: Numbers, rule: BalanceRule): BalanceState {
  const gradients = famoGradient(state.logits, improvements(losses, after, rule));
  const t = state.measured + 1;
  const pulled = mapValues(gradients, (g, name) => g + rule.decay * state.logits[name]!);
  const first = mapValues(pulled, (g, name) => BETA1 * state.first[name]! + (1 - BETA1) * g);
  const second = mapValues(pulled, (g, name) => BETA2 * state.second[name]! + (1 - BETA2) * g * g);
  const logits = mapValues(state.logits, (w, name) => {
    const [m, v] = [first[name]! / (1 - BETA1 ** t), second[name]! / (1 - BETA2 ** t)];
    return w - (rule.lr * m) / (Math.sqrt(v) + EPSILON);
  });
  return { ...state, logits, first, second, shares: raised(softmax(logits), rule.shareMin), measured: t };
}

/** By how much each loss fell: in its logarithm, or itself. */
export const improvements = (before: Numbers, after: Numbers, rule: BalanceRule): Record<string, number> =>
  mapValues(before, (loss, name) =>
    rule.logLoss ? Math.log(above(loss, name, rule) / above(after[name]!, name, rule)) : loss - after[name]!,
  );

/** Of sum_i softmax(w)_i delta_i with respect to w. */
export function famoGradient(logits: Numbers, deltas: Numbers): Record<string, number> {
  const shares = softmax(logits);
  const mean = Object.keys(shares).reduce((sum, name) => sum + shares[name]! * deltas[name]!, 0);
  return mapValues(shares, (share, name) => share * (deltas[name]! - mean));
}

/** Moves shares towards equal ones as far as the least share asks for. */
const raised = (shares: Numbers, least: number): Record<string, number> => {
  const K = Object.keys(shares).length;
  return least === 0 ? { ...shares } : mapValues(shares, (share) => least + (1 - K * least) * share);
};

export function softmax(logits: Numbers): Record<string, number> {
  const most = Object.values(logits).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = mapValues(logits, (w) => Math.exp(w - most));
  const total = Object.values(powers).reduce((a, b) => a + b, 0);
  return mapValues(powers, (power) => power / total);
}

const mapValues = (of: Numbers, f: (value: number, name: string) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, f(value, name)]));
