import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import type { RunEvent } from '../train/events.ts';
import { lockFolder } from '../formats/disk/folderLockNode.ts';
import { readImageSets } from './tables/imageSetTable.ts';
import { checkRuns } from './checkRuns.ts';
import { imageSetOf, makeImageSet, setFailure, withImageSet } from './imageSets.ts';
import { oneRun } from './oneRun.ts';
import { type PlannedRun, type StudyPlan, teachersOf, withTeachers } from './plan.ts';
import { prepareData } from './prepare.ts';
import { readPlan } from './readPlan.ts';
import { type RunRecord, RunRecords } from './recordsNode.ts';
import { reportOf } from './tables/report.ts';
import type { StudyReport } from './tables/rows.ts';
import { reportCsv } from './tables/reportCsv.ts';
import { reportHtml } from './tables/reportHtml.ts';
import { keepPlan } from './studyFolder.ts';
import { valueAt } from '../config/settings.ts';

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
}

export interface StudyResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly report: StudyReport;
}

/**
 * Makes all runs of a study file that are not finished yet and writes results.csv, results.json and index.html after each.
 *
 * ```ts
 * const { report } = await runStudy('studies/mnist-methods.yaml');
 * for (const row of report.table) console.log(row.labels, row.mean, row.difference?.interval);
 * ```
 * @throws UserError for a file that cannot be planned, runs that cannot begin, or a file that changes settings of runs that exist. A run that fails is
 * in the report.
 */
export async function runStudy(file: string, options: StudyOptions = {}): Promise<StudyResult> {
  const { text, plan } = await readPlan(file);
  const out = options.out ?? plan.study.out ?? join('runs', plan.study.name);
  if (plan.study.prepare) await prepareData(plan.study.prepare, dataFolder(plan));
  await checkRuns(plan, file);
  makeFolder(out);
  const lock = await lockFolder(out);
  try {
    const records = new RunRecords(out);
    const note = (message: string) => options.onStudyEvent?.({ type: 'note', message });
    await keepPlan(out, plan, text, records, note);
    const reason = await makeRuns(plan, records, out, options);
    return { out, reason, report: await writeResults(plan, records, out) };
  } finally {
    await lock.release();
  }
}

/**
 * The runs that a study would make, checked and not made; nothing is written.
 * @returns `checked` false where the images are not there yet, which the study itself would obtain
 */
export async function planOfStudy(file: string): Promise<{ readonly plan: StudyPlan; readonly checked: boolean }> {
  const { plan } = await readPlan(file);
  const dir = dataFolder(plan);
  const checked = !(plan.study.prepare && typeof dir === 'string' && !existsSync(dir));
  if (checked) await checkRuns(plan, file);
  return { plan, checked };
}

async function makeRuns(
  plan: StudyPlan,
  records: RunRecords,
  out: string,
  options: StudyOptions,
): Promise<StudyResult['reason']> {
  const runs = [...plan.teachers, ...seedsFirst(plan)];
  const open: PlannedRun[] = [];
  for (const run of runs) if (!(await records.finished(run.key))) open.push(run);
  const done = runs.length - open.length;
  if (done > 0)
    options.onStudyEvent?.({ type: 'note', message: `${done} of ${runs.length} runs are finished already` });
  const started = Date.now();
  for (const [i, run] of open.entries()) {
    if (options.signal?.aborted) return 'interrupted';
    const etaSeconds = i === 0 ? undefined : ((Date.now() - started) / 1000 / i) * (open.length - i);
    options.onStudyEvent?.({ type: 'runStart', index: done + i + 1, runs: runs.length, key: run.key, etaSeconds });
    const record = await makeRun(plan, run, records, options);
    options.onStudyEvent?.({ type: 'runEnd', key: run.key, record });
    await writeResults(plan, records, out);
    if (record.state === 'interrupted') return 'interrupted';
  }
  return 'done';
}

async function makeRun(
  plan: StudyPlan,
  run: PlannedRun,
  records: RunRecords,
  options: StudyOptions,
): Promise<RunRecord> {
  const end = async (record: RunRecord) => {
    await records.write(run.key, record);
    return record;
  };
  const set = imageSetOf(run.config);
  const { teacher, student } = set === undefined ? {} : plan.images[set]!;
  const ofSet = [teacher, student].flatMap((name) => (name === undefined ? [] : [name.slice(1)]));
  for (const name of [...teachersOf(run.config), ...ofSet])
    if (!(await records.finished(`teachers/${name}`)))
      return end({ state: 'failed', seconds: 0, error: `its teacher ${name} is not finished` });
  const modelOf = (name: string) => records.folder(`teachers/${name}`);
  if (set !== undefined) {
    const note = (message: string) => options.onStudyEvent?.({ type: 'note', message });
    try {
      const folder = records.folder(`images/${set}`);
      const whole = await makeImageSet(plan.images, set, { folder, modelOf, note, signal: options.signal });
      if (!whole) return end({ state: 'interrupted', seconds: 0 });
    } catch (error) {
      return end({ state: 'failed', seconds: 0, error: setFailure(set, error) });
    }
  }
  const config = withImageSet(withTeachers(run.config, modelOf), (name) => records.folder(`images/${name}`));
  const { onEvent, signal } = options;
  return oneRun(run, config, records, { ...(onEvent ? { onEvent } : {}), ...(signal ? { signal } : {}) });
}

/** All combinations with the first seed, then with the next: a study that is stopped early can be read. */
function seedsFirst({ runs, axes }: StudyPlan): PlannedRun[] {
  const seeds = axes.filter(({ seed }) => seed);
  const rank = ({ labels }: PlannedRun) =>
    seeds.reduce((sum, axis) => sum * axis.labels.length + axis.labels.indexOf(labels[axis.name]!), 0);
  return [...runs].sort((a, b) => rank(a) - rank(b));
}

async function writeResults(plan: StudyPlan, records: RunRecords, out: string): Promise<StudyReport> {
  const held = new Map<string, RunRecord>();
  for (const { key } of [...plan.teachers, ...plan.runs]) {
    const record = await records.read(key);
    // A record whose checkpoint is gone is no result.
    if (record && (record.state !== 'done' || (await records.finished(key)))) held.set(key, record);
  }
  const sets = await readImageSets(plan, (name) => records.folder(`images/${name}`));
  const report = reportOf(plan, held, sets);
  await writeFileAtomic(join(out, 'results.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFileAtomic(join(out, 'results.csv'), reportCsv(report));
  const hasReport = (key: string) => existsSync(join(records.folder(key), 'report.html'));
  await writeFileAtomic(join(out, 'index.html'), reportHtml(report, hasReport));
  return report;
}

function dataFolder({ study, runs, teachers }: StudyPlan): unknown {
  const dirs = [...runs, ...teachers].map(({ config }) => config.data.dir);
  return dirs.find((dir) => typeof dir !== 'string' || !dir.startsWith('$')) ?? valueAt(study.base, 'data.dir');
}
