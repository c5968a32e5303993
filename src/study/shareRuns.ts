import { ofFolder } from '../formats/disk/folderLockNode.ts';
import type { Claim, Claims } from '../formats/disk/claimsNode.ts';
import type { LockTimes } from '../formats/disk/lockNode.ts';
import { ofShard, type ShardPart } from '../formats/disk/shardMarkNode.ts';
import { shareUnits } from '../formats/disk/shareUnitsNode.ts';
import type { RunEvent } from '../train/events.ts';
import { imageSetOf, makeImageSet, setFailure, withImageSet } from './imageSets.ts';
import { oneRun } from './oneRun.ts';
import { type PlannedRun, type StudyPlan, teachersOf, withTeachers } from './plan.ts';
import type { RunRecord, RunRecords } from './recordsNode.ts';

/** What a study says about itself; the events of its runs come between `runStart` and `runEnd`. */
export type StudyEvent =
  | { readonly type: 'note'; readonly message: string }
  | {
      readonly type: 'runStart';
      /** From 1, of `runs`; teachers are counted too. */
      readonly index: number;
      readonly runs: number;
      readonly key: string;
      /** Of the whole study; undefined until a run has shown how long one takes. */
      readonly etaSeconds: number | undefined;
    }
  | { readonly type: 'runEnd'; readonly key: string; readonly record: RunRecord };

export interface StudyOptions {
  /** Folder of the study; default: `out` of the file, else runs/<name>. */
  readonly out?: string;
  readonly onStudyEvent?: (event: StudyEvent) => void;
  readonly onEvent?: (event: RunEvent) => void;
  /** Saves a checkpoint of the present run and ends the study when aborted. */
  readonly signal?: AbortSignal;
  /** Makes this part of the runs alone, with the teachers that they need, in a folder of its own. */
  readonly shard?: ShardPart;
  /** When the runs of other processes are given up. */
  readonly claimTimes?: LockTimes;
}

export interface SharedRuns {
  readonly plan: StudyPlan;
  readonly records: RunRecords;
  readonly claims: Claims;
  readonly options: StudyOptions;
  /** Writes the tables. */
  readonly write: () => Promise<unknown>;
}

/** Makes every run that no other process makes, teachers before the runs that need them, and waits for the others' runs. */
export async function shareRuns(shared: SharedRuns): Promise<'done' | 'interrupted'> {
  const { plan, records, claims, options, write } = shared;
  const runs = runsOf(plan, options.shard);
  const tell = (event: StudyEvent) => options.onStudyEvent?.(event);
  const note = (message: string) => tell({ type: 'note', message });
  const byKey = new Map(runs.map((run) => [run.key, run]));
  const settled = await settledRuns(records, runs);
  const eta = new Eta();
  const whole = await shareUnits<PlannedRun>({
    units: runs,
    settled: settled.is,
    ready: ({ config }, open) => !neededBy(plan, config).some((key) => open.has(byKey.get(key)!)),
    claim: ({ key }) => claims.take(records.claimPath(key), ofFolder(records.folder(key))),
    make: async (run, claim, open) => {
      const index = runs.length - open.size + 1;
      tell({ type: 'runStart', index, runs: runs.length, key: run.key, etaSeconds: eta.of(open.size) });
      const record = await makeRun(shared, run, claim);
      settled.add(run);
      eta.made++;
      tell({ type: 'runEnd', key: run.key, record });
      await write();
      return record.state !== 'interrupted';
    },
    onStart: ({ size }) => {
      if (size < runs.length) note(`${runs.length - size} of ${runs.length} runs are finished already`);
    },
    onLost: ({ key }, { message }) => note(`${key} is dropped here: ${message}`),
    onWait: (open) => note(`waiting for runs that other processes make: ${[...open].map(({ key }) => key).join(', ')}`),
    signal: options.signal,
  });
  return whole ? 'done' : 'interrupted';
}

/** Those of a part: each `of`-th run, and the teachers that these need, in their order. */
function runsOf(plan: StudyPlan, shard: ShardPart | undefined): PlannedRun[] {
  const runs = ofShard(seedsFirst(plan), shard);
  const needed = new Set<string>();
  const need = (run: PlannedRun): void => {
    for (const key of neededBy(plan, run.config)) {
      if (!needed.has(key)) need(plan.teachers.find((one) => one.key === key)!);
      needed.add(key);
    }
  };
  for (const run of runs) need(run);
  return [...plan.teachers.filter(({ key }) => shard === undefined || needed.has(key)), ...runs];
}

/** By the runs that this process has made so far. */
class Eta {
  readonly #started = Date.now();
  made = 0;

  of(open: number): number | undefined {
    return this.made === 0 ? undefined : ((Date.now() - this.#started) / 1000 / this.made) * open;
  }
}

/**
 * Which runs nobody needs to make any more: those that are finished, those that this process has tried, and those that another
 * has tried since this one began and that failed. A failure of before is tried again.
 */
async function settledRuns(records: RunRecords, runs: readonly PlannedRun[]) {
  const textOf = async (key: string) => JSON.stringify(await records.read(key));
  const before = new Map<string, string>();
  for (const { key } of runs) before.set(key, await textOf(key));
  const tried = new Set<string>();
  return {
    add: ({ key }: PlannedRun) => tried.add(key),
    is: async ({ key }: PlannedRun): Promise<boolean> => {
      if (tried.has(key) || (await records.finished(key))) return true;
      const record = await records.read(key);
      return record?.state === 'failed' && JSON.stringify(record) !== before.get(key);
    },
  };
}

/** The keys of the teachers that a run needs: its own, and those that its images are made from. */
function neededBy(plan: StudyPlan, config: PlannedRun['config']): string[] {
  const set = imageSetOf(config);
  const { teacher, student } = set === undefined ? {} : plan.images[set]!;
  const ofSet = [teacher, student].flatMap((name) => (name === undefined ? [] : [name.slice(1)]));
  return [...teachersOf(config), ...ofSet].map((name) => `teachers/${name}`);
}

async function makeRun({ plan, records, options }: SharedRuns, run: PlannedRun, claim: Claim): Promise<RunRecord> {
  const end = async (record: RunRecord) => {
    await records.write(run.key, record, claim);
    return record;
  };
  for (const key of neededBy(plan, run.config))
    if (!(await records.finished(key)))
      return end({
        state: 'failed',
        seconds: 0,
        error: `its teacher ${key.slice('teachers/'.length)} is not finished`,
      });
  const modelOf = (name: string) => records.folder(`teachers/${name}`);
  const set = imageSetOf(run.config);
  const { onEvent, signal } = options;
  if (set !== undefined) {
    const note = (message: string) => options.onStudyEvent?.({ type: 'note', message });
    try {
      const folder = records.folder(`images/${set}`);
      const whole = await makeImageSet(plan.images, set, { ...options, folder, modelOf, note });
      if (!whole) return end({ state: 'interrupted', seconds: 0 });
    } catch (error) {
      return end({ state: 'failed', seconds: 0, error: setFailure(set, error) });
    }
  }
  const config = withImageSet(withTeachers(run.config, modelOf), (name) => records.folder(`images/${name}`));
  return oneRun(run, config, records, { claim, ...(onEvent ? { onEvent } : {}), ...(signal ? { signal } : {}) });
}

/** All combinations with the first seed, then with the next: a study that is stopped early can be read. */
function seedsFirst({ runs, axes }: StudyPlan): PlannedRun[] {
  const seeds = axes.filter(({ seed }) => seed);
  const rank = ({ labels }: PlannedRun) =>
    seeds.reduce((sum, axis) => sum * axis.labels.length + axis.labels.indexOf(labels[axis.name]!), 0);
  return [...runs].sort((a, b) => rank(a) - rank(b));
}
