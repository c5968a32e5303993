import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GENERATOR } from '../analysis/page.ts';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { comparePage } from './comparePage.ts';
import { type RunReport, readRun } from './readRunNode.ts';
import { runPage } from './runPage.ts';

export interface ReportOptions {
  /** File to write; default: report.html in the folder of the one run, or in the present folder for several. */
  readonly out?: string;
  /** Called once the runs have been read, before anything is written. */
  readonly onStart?: () => void;
}

export interface WrittenReport {
  readonly out: string;
  /** Without the lines of metrics.jsonl. */
  readonly runs: readonly Omit<RunReport, 'rows' | 'configText'>[];
}

/**
 * Writes a page about one run, or one that compares several. It loads nothing.
 * @throws UserError if a folder is no run, or the file is something else.
 */
export async function writeReport(
  folders: readonly string[],
  { out, onStart }: ReportOptions = {},
): Promise<WrittenReport> {
  const path = out ?? (folders.length === 1 ? join(folders[0]!, 'report.html') : 'report.html');
  await refuseOther(path);
  const runs = [];
  for (const folder of folders) runs.push(await readRun(folder));
  onStart?.();
  await writeFileAtomic(path, runs.length === 1 ? runPage(runs[0]!) : comparePage(runs));
  return {
    out: path,
    runs: runs.map(({ name, folder, config, details, hashes, speed, seconds }) => ({
      name,
      folder,
      config,
      details,
      hashes,
      speed,
      seconds,
    })),
  };
}

/** A page of ours may be written anew, nothing else. */
async function refuseOther(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory())
    throw new UserError(`${path}: wanted a file to write the report to, got a folder. Choose another --out`);
  if (!(await readFile(path, 'utf8')).includes(GENERATOR))
    throw new UserError(`${path}: wanted a new file or an older report, got something else. Choose another --out`);
}
