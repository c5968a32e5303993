import { join } from 'node:path';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import type { PlannedRun, StudyPlan } from './plan.ts';
import { type RunRecords, readJson } from './recordsNode.ts';
import { runSchema } from '../config/schema.ts';
import { differences } from '../config/settings.ts';

/** The runs of the study that was started in a folder: their configurations by key. */
type SavedPlan = Readonly<Record<string, PlannedRun['config']>>;

/** Settings that change no number of a run. */
const FREE = ['train.threads', 'train.checkpointSeconds', 'data.workers', 'data.cacheMB'];

/**
 * Saves the study's plan in its folder. What was there is compared first: runs may come and go, but a run that has begun keeps
 * its settings, since its numbers belong to them.
 * @throws UserError that names the runs and the settings that changed.
 */
export async function keepPlan(
  out: string,
  plan: StudyPlan,
  text: string,
  records: RunRecords,
  note: (message: string) => void,
): Promise<void> {
  const path = join(out, 'plan.json');
  const saved = await readJson<SavedPlan>(path);
  const runs = [...plan.teachers, ...plan.runs];
  if (saved) await compare(out, saved, runs, records, note);
  // Runs that left the file stay in the plan, so that they cannot come back with other settings.
  const now = { ...saved, ...Object.fromEntries(runs.map(({ key, config }) => [key, config])) };
  await writeFileAtomic(path, `${JSON.stringify(now, null, 2)}\n`);
  await writeFileAtomic(join(out, 'study.yaml'), text);
}

async function compare(
  out: string,
  saved: SavedPlan,
  runs: readonly PlannedRun[],
  records: RunRecords,
  note: (message: string) => void,
): Promise<void> {
  const lines: string[] = [];
  for (const { key, config } of runs) {
    const before = saved[key];
    const changed = before ? differences(filled(before), config).filter((one) => !FREE.includes(one.key)) : [];
    // A run of which no step was saved has no numbers yet.
    if (changed.length === 0 || !(await records.progress(key))?.step) continue;
    const shown = changed.map((one) => `${one.key} was ${JSON.stringify(one.before)}, now ${JSON.stringify(one.now)}`);
    lines.push(`${key}: ${shown.join('; ')}`);
  }
  if (lines.length > 0)
    throw new UserError(
      `${out}: wanted the settings with which its runs were made, got others:\n  ${few(lines).join('\n  ')}\n  Put them back, give the runs another label, delete the folders of these runs to make them anew, or use another --out. Added runs are fine`,
    );
  const keys = runs.map(({ key }) => key);
  const added = keys.filter((key) => !(key in saved));
  const gone = Object.keys(saved).filter((key) => !keys.includes(key));
  if (added.length > 0) note(`the study file has grown by ${added.length}: ${few(added).join(', ')}`);
  if (gone.length > 0)
    note(`no longer in the study file, kept on disk and left out of the table: ${few(gone).join(', ')}`);
}

/** A setting that is newer than the plan was at its default. */
function filled(before: unknown): unknown {
  const { success, data } = runSchema.safeParse(before);
  return success ? data : before;
}

function few(names: readonly string[]): string[] {
  return names.length > 8 ? [...names.slice(0, 8), `... (${names.length})`] : [...names];
}
