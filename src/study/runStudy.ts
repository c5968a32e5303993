import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { Claims } from '../formats/disk/claimsNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import { ofFolder, throwIfInUse } from '../formats/disk/folderLockNode.ts';
import { digestOfWork, keepMark } from '../formats/disk/shardMarkNode.ts';
import { readImageSets } from './tables/imageSetTable.ts';
import { checkRuns } from './checkRuns.ts';
import type { StudyPlan } from './plan.ts';
import { preparedSets, prepareData } from './prepare.ts';
import { readPlan } from './readPlan.ts';
import { type RunRecord, RunRecords } from './recordsNode.ts';
import { type StudyOptions, shareRuns } from './shareRuns.ts';
import { reportOf } from './tables/report.ts';
import type { StudyReport } from './tables/rows.ts';
import { reportCsv } from './tables/reportCsv.ts';
import { reportHtml } from './tables/reportHtml.ts';
import { keepPlan } from './studyFolder.ts';
import { valueAt } from '../config/settings.ts';

export interface StudyResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly report: StudyReport;
}

/**
 * Makes all runs of a study file that are not finished yet and writes results.csv, results.json and index.html after each. Any
 * number of processes, on one machine or on many with the folder in common, share the runs.
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
  const claims = new Claims(options.claimTimes);
  for (const [what, dir] of setsOf(plan)) await prepareData(what, dir, claims);
  await checkRuns(plan, file);
  makeFolder(out);
  // An advice, or a study of an older release, has the folder to itself.
  await throwIfInUse(out);
  const work = { kind: 'study', units: plan.runs.length, what: digestOfWork([plan.teachers, plan.runs]) } as const;
  await keepMark(out, options.shard, work);
  const records = new RunRecords(out);
  const note = (message: string) => options.onStudyEvent?.({ type: 'note', message });
  await alone(claims, out, 'plan', () => keepPlan(out, plan, text, records, note));
  const write = () => alone(claims, out, 'results', () => writeResults(plan, records, out));
  const reason = await shareRuns({ plan, records, claims, options, write });
  return { out, reason, report: await write() };
}

/** Does what one process does at a time, in short: of two that write their tables the second has the runs of both. */
async function alone<T>(claims: Claims, out: string, what: string, act: () => Promise<T>): Promise<T> {
  const claim = await claims.wait(join(out, `${what}.lock`), ofFolder(out));
  try {
    return await act();
  } finally {
    await claim?.release();
  }
}

/**
 * The runs that a study would make, checked and not made; nothing is written.
 * @returns `checked` false where the images are not there yet, which the study itself would obtain
 */
export async function planOfStudy(file: string): Promise<{ readonly plan: StudyPlan; readonly checked: boolean }> {
  const { plan } = await readPlan(file);
  const checked = setsOf(plan).every(([, dir]) => typeof dir !== 'string' || existsSync(dir));
  if (checked) await checkRuns(plan, file);
  return { plan, checked };
}

/** Writes the tables of the runs that are there. */
export async function writeResults(plan: StudyPlan, records: RunRecords, out: string): Promise<StudyReport> {
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

const setsOf = (plan: StudyPlan) => preparedSets(plan.study.prepare, dataFolder(plan));

function dataFolder({ study, runs, teachers }: StudyPlan): unknown {
  const dirs = [...runs, ...teachers].map(({ config }) => config.data.dir);
  return dirs.find((dir) => typeof dir !== 'string' || !dir.startsWith('$')) ?? valueAt(study.base, 'data.dir');
}
