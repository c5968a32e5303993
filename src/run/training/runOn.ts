import type { RunConfig } from '../../config/schema.ts';
import type { Host } from '../../host/host.ts';
import type { MethodTable } from '../../methods/index.ts';
import type { Progress } from '../../train/progress.ts';
import { openRunFolder } from '../../train/runFolder.ts';
import type { Choice } from '../plan/defaults.ts';
import { decisive } from '../plan/freeSettings.ts';
import { type ExecuteOptions, executeRun } from './course/executeRun.ts';
import type { RunResult } from './course/result.ts';
import { assemble, type AssembledRun, type RunInputs } from './prepare/assemble.ts';
import { epochsWithin } from './prepare/budget.ts';
import { checkStages } from './prepare/checks.ts';
import { withFittedHeads, withPlannedHeads } from './prepare/fitHeads.ts';
import { checkedCheckpoint, type ResumedCheckpoint, toldOfContents } from './prepare/resume.ts';
import { checkSameRun } from './prepare/sameRun.ts';
import { checkDevice, checkLanes } from './stage/steps.ts';

export interface RunOnOptions extends Omit<ExecuteOptions, 'notes' | 'heads'> {
  /** By name; default: ours. */
  readonly methods?: MethodTable | undefined;
  /** Go on from the last checkpoint in the folder. */
  readonly resume?: boolean;
  /** When the run began, by the host's clock: `train.budget` counts from there. Default: now. */
  readonly began?: number;
  /** What the platform has to say at the start. */
  readonly notes?: (parts: AssembledRun) => Promise<readonly string[]>;
}

/**
 * A whole run on any platform: checks it, chooses what is left to choose, and trains in the host's folder, from the start or from
 * its last checkpoint.
 * @throws UserError for whatever the user can mend; nothing is written before everything has been checked.
 */
export async function runOn(
  host: Host,
  config: RunConfig,
  given: RunInputs,
  { resume = false, began = host.clock.elapsed(), notes, methods, ...options }: RunOnOptions = {},
): Promise<RunResult> {
  checkDevice(config.train, host.engine);
  checkLanes(config.train, host.ranks.size);
  // What does not fit together is refused before heads are fitted, which may take a minute.
  const planned = withPlannedHeads(config, given, methods);
  if (planned !== given) checkStages(assemble(config, planned, methods));
  const { inputs, files: heads } = await withFittedHeads(host, config, given, methods);
  const parts = await withinBudget(host, config, (settled) => assemble(settled, inputs, methods), began);
  await checkSameRun(host, parts);
  const told = (await notes?.(parts)) ?? [];
  const folder = await openRunFolder(host.files, { resume });
  try {
    const checkpoint = folder.hasCheckpoint ? await checkedCheckpoint(host, parts) : undefined;
    const noted = toldUnproved(toldOfRounding(parts, checkpoint?.progress, host.computed), checkpoint);
    const now = { computed: host.computed, settings: decisive(parts.config) };
    const from = checkpoint && { ...checkpoint, progress: { ...checkpoint.progress, ...now } };
    const contents = checkpoint ? await toldOfContents(host, parts) : [];
    return await executeRun(host, noted, from, { ...options, heads, notes: [...told, ...contents] });
  } finally {
    await folder.release();
  }
}

/** The assembled run. A budget sets its epochs, which from then on are settings like any other: a resume measures nothing. */
async function withinBudget(
  host: Host,
  config: RunConfig,
  assembled: (config: RunConfig) => AssembledRun,
  began: number,
): Promise<AssembledRun> {
  const parts = assembled(config);
  checkStages(parts);
  const { budget, epochs: given } = config.train;
  if (budget === null) return parts;
  if (given !== 'auto') return told(parts, { key: 'train.budget', value: budget, reason: 'train.epochs is set' });
  const { epochs, reason } = await epochsWithin(parts, host, budget, began);
  const fixed = assembled({ ...config, train: { ...config.train, epochs } });
  return told(fixed, { key: 'train.epochs', value: epochs, reason });
}

const told = (parts: AssembledRun, choice: Choice): AssembledRun => ({
  ...parts,
  settings: { ...parts.settings, choices: [choice, ...parts.settings.choices] },
});

/** A resume elsewhere, or with other threads, goes on; but perhaps not to the same bits. */
function toldOfRounding(parts: AssembledRun, progress: Progress | undefined, now: string): AssembledRun {
  const before = progress?.computed;
  const over = progress?.ended || progress?.step === parts.stages.at(-1)!.to;
  if (over || before === undefined || before === now) return parts;
  const reason = `until here ${before}, which may round otherwise: the run ends near where it would have, perhaps not at the same bits`;
  return told(parts, { key: 'computed on', value: now, reason });
}

/** Nobody can know whether what an older release saved is whole. */
function toldUnproved(parts: AssembledRun, checkpoint: ResumedCheckpoint | undefined): AssembledRun {
  if (!checkpoint?.unproved) return parts;
  const reason = 'as of an older release: damage to it would not be noticed';
  return told(parts, { key: 'checkpoint', value: 'without digests', reason });
}
