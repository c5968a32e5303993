import { parseConfig } from '../config/parse.ts';
import type { RunConfig, StageOptim } from '../config/schema.ts';
import { UserError } from '../graph/errors.ts';
import { type Method, type MethodStage, methodNamed } from '../methods/index.ts';

/** One stage of a run: a method with its settings, and the updates that it has. */
export interface PlannedStage {
  readonly index: number;
  readonly name: string;
  readonly method: Method;
  readonly settings: unknown;
  /** A learning-rate policy of its own. */
  readonly optim?: StageOptim | undefined;
  /** First update of the stage and the first one after it, counted over the run from 0. */
  readonly from: number;
  readonly to: number;
}

/** The stages as methods with checked settings; their shares of the epochs become whole epochs, at least one each. */
export function planStages(config: RunConfig, epochs: number, updatesPerEpoch: number): PlannedStage[] {
  const settingsOf = (method: Method, inherited: object = {}) =>
    parseConfig(method.config, { ...inherited, ...givenSettings(method, config) }, `methods.${method.name}`);
  const main = methodNamed(config.method);
  const listed: readonly (MethodStage & { readonly optim?: StageOptim | undefined })[] =
    config.stages === 'auto'
      ? (main.stages?.(settingsOf(main)) ?? [{ method: config.method, share: 1 }])
      : config.stages;
  const total = listed.reduce((sum, { share }) => sum + share, 0);
  if (Math.abs(total - 1) > 1e-6) throw new UserError(`stages: the shares must sum to 1, got ${total}`);
  if (listed.length > epochs)
    throw new UserError(
      `stages: ${listed.length} stages need at least ${listed.length} epochs, got ${epochs}; set train.epochs`,
    );
  for (const name of Object.keys(config.methods)) methodNamed(name);
  let [shares, start] = [0, 0];
  return listed.map(({ method: name, share, settings, optim }, index) => {
    shares += share;
    const rest = listed.length - 1 - index;
    const end = rest === 0 ? epochs : Math.min(epochs - rest, Math.max(start + 1, Math.round(shares * epochs)));
    const method = methodNamed(name);
    const stage = {
      index,
      name,
      method,
      settings: settingsOf(method, settings),
      optim,
      from: start * updatesPerEpoch,
      to: end * updatesPerEpoch,
    };
    start = end;
    return stage;
  });
}

/** A sum of methods takes the sections of its members. */
function givenSettings({ name, parts }: Method, { methods }: RunConfig): object {
  return parts ? Object.fromEntries(parts.map((part) => [part, methods[part] ?? {}])) : (methods[name] ?? {});
}

/** The ledger is first told after so many steps of a stage: early enough to see that a term is too small to matter. */
const FIRST_LEDGER = 10;

export const nextMultiple = (step: number, span: number): number => (Math.floor(step / span) + 1) * span;

/** The next step at which the ledger is due: the tenth of a stage, and every `train.ledgerEvery`. */
export function nextLedger(stage: PlannedStage, step: number, every: number | null): number {
  const first = Math.min(stage.from + FIRST_LEDGER, stage.to);
  const regular = every === null ? Number.POSITIVE_INFINITY : nextMultiple(step, every);
  return step < first ? Math.min(first, regular) : regular;
}
