import { parseConfig } from '../config/parse.ts';
import { type RunConfig, runSchema } from '../config/schema.ts';
import type { OnListing } from '../data/index.ts';
import { UserError } from '../graph/errors.ts';
import { ortNode } from '../engine/ortNode.ts';
import { checkNames, checkStages } from './checkRun.ts';
import { examineClasses, examineImages } from './doctorData.ts';
import { forecast } from './doctorForecast.ts';
import { examineTeacher } from './doctorTeacher.ts';
import { loadModelReference, type OnModel } from './modelReference.ts';
import { namedByData } from './described.ts';
import { openRunData } from './runData.ts';
import type { RunSettings } from './startRun.ts';
import { assemble } from './trainRun.ts';

/** One thing that the doctor looked at. */
export interface Finding {
  /** `ok`: as it should be; `note`: to know; `warning`: the run would go, but worse; `error`: the run would not go. */
  readonly level: 'ok' | 'note' | 'warning' | 'error';
  readonly about: string;
  readonly text: string;
  readonly remedy?: string;
}

export interface ExamineOptions {
  /** Told each finding as it is made. */
  readonly onFinding?: (finding: Finding) => void;
  readonly onModel?: OnModel;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing;
}

/**
 * What would go wrong, and what it will cost, before any training: the images (unreadable, repeated, in both parts, few of a
 * class), the teacher on some of them, and time, memory and disk of the run. Nothing is written.
 * @throws UserError where there is no data at all to look at
 */
export async function examine(
  input: RunSettings,
  { onFinding = () => undefined, onModel, onListing }: ExamineOptions = {},
): Promise<Finding[]> {
  const config = parseConfig(runSchema, input, 'config');
  const findings: Finding[] = [];
  const tell = (found: readonly Finding[]) => {
    // A teacher that cannot be loaded stops the run too, with the same words.
    const told = new Set(findings.map(({ text }) => text));
    for (const finding of found.filter(({ text }) => !told.has(text))) {
      onFinding(finding);
      findings.push(finding);
    }
  };
  const data = await openRunData(config, onListing);
  tell(examineClasses(data));
  tell(await examineImages(data));
  const { teacher } = config;
  if (teacher !== null)
    tell(
      await asFindings('teacher', async () => {
        const loaded = await loadModelReference(teacher.ref, { described: teacher, onModel });
        return examineTeacher(namedByData(loaded, data.classes), data);
      }),
    );
  tell(await asFindings('run', () => examineRun(config)));
  return findings;
}

async function examineRun(config: RunConfig): Promise<Finding[]> {
  checkNames(config);
  const parts = await assemble(config);
  checkStages(parts);
  return forecast(parts, ortNode());
}

/** A refusal of the run itself is a finding too. */
async function asFindings(about: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [{ level: 'error', about, text: error.message }];
  }
}
