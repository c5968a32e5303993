import { rm } from 'node:fs/promises';
import { UserError } from '../graph/errors.ts';
import { bestStep } from '../run/training/course/result.ts';
import { assemble } from '../run/training/prepare/assemble.ts';
import { withPlannedHeads } from '../run/training/prepare/fitHeads.ts';
import { openInputs } from '../run/training/prepare/openInputsNode.ts';
import { trainRun } from '../run/training/trainRunNode.ts';
import type { ModelSize } from '../run/models/size.ts';
import type { Claim } from '../formats/disk/claimsNode.ts';
import { renewFolder } from '../formats/disk/renewFolderNode.ts';
import { throwIfInUse } from '../formats/disk/folderLockNode.ts';
import type { RunEvent } from '../train/events.ts';
import type { PlannedRun } from './plan.ts';
import type { Outcome, RunRecord, RunRecords } from './recordsNode.ts';

export interface OneRunOptions {
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
  /** Where processes share the runs. */
  readonly claim?: Claim | undefined;
}

/**
 * Makes a run, or goes on with it, and keeps its record; `config` is the run's with folders for its teachers. A failure is
 * recorded and not thrown, so that the other runs go on.
 * @throws InUse where the claim on the run is another's by now: then nothing is recorded
 */
export async function oneRun(
  { key }: PlannedRun,
  config: PlannedRun['config'],
  records: RunRecords,
  { claim, ...options }: OneRunOptions,
): Promise<RunRecord> {
  if (claim) await renewFolder(records.folder(key), claim);
  // A first checkpoint is saved before the first step: a run that has no more than that begins anew.
  const resume = ((await records.progress(key))?.step ?? 0) > 0;
  const before = resume ? await records.secondsSoFar(key) : 0;
  const cpuBefore = resume ? await records.cpuSoFar(key) : 0;
  const [startedAt, cpu] = [Date.now(), process.cpuUsage()];
  const seconds = () => before + (Date.now() - startedAt) / 1000;
  const end = async (record: Omit<RunRecord, 'seconds' | 'cpuSeconds'>) => {
    const { user, system } = process.cpuUsage(cpu);
    const cpuSeconds = cpuBefore === undefined ? {} : { cpuSeconds: cpuBefore + (user + system) / 1e6 };
    const whole = { ...record, seconds: seconds(), ...cpuSeconds };
    await records.write(key, whole, claim);
    return whole;
  };
  try {
    const out = records.folder(key);
    if (!resume) await clear(out, claim);
    await records.write(key, { state: 'running', seconds: before, startedAt }, claim);
    const { reason, student } = await trainRun(config, { out, resume, claim, ...options });
    if (reason === 'interrupted') return end({ state: 'interrupted' });
    const { latencyMs, ...size } = student!;
    const outcome = await outcomeOf(key, config, size, records);
    return end({ state: 'done', outcome, ...(latencyMs !== undefined && { latencyMs }) });
  } catch (error) {
    const text = error instanceof UserError ? error.message : ((error as Error).stack ?? String(error));
    return end({ state: 'failed', error: text });
  }
}

/** A run that ended before its first step was saved: what it left makes way. */
async function clear(folder: string, claim: Claim | undefined): Promise<void> {
  await throwIfInUse(folder);
  await claim?.check();
  await rm(folder, { recursive: true, force: true });
}

async function outcomeOf(
  key: string,
  config: PlannedRun['config'],
  size: ModelSize,
  records: RunRecords,
): Promise<Outcome> {
  const { settings, data, stages, studentConfig } = assemble(
    config,
    withPlannedHeads(config, await openInputs(config)),
  );
  const progress = (await records.progress(key))!;
  const steps = stages.at(-1)!.to;
  const right = await records.right(key);
  return {
    steps,
    last: await records.lastEvaluation(key),
    best: progress.best && bestStep(progress.best, data, studentConfig.classes),
    imagesSeen: steps * settings.train.batch * settings.train.accumulate,
    trainImages: data.train.paths.length,
    ...size,
    ...(right === undefined ? {} : { right }),
  };
}
