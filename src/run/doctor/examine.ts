import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, runSchema } from '../../config/schema.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { UserError } from '../../graph/errors.ts';
import { nodePlatform } from '../../host/node/hostNode.ts';
import { checkNames, checkStages } from '../training/prepare/checks.ts';
import { examineClasses, examineImages } from './data.ts';
import { forecast, type PlannedJob } from './forecast.ts';
import { examineTeacher } from './teacher.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import { namedByData } from '../models/namedByData.ts';
import { openRunData } from '../datasets/openRunData.ts';
import type { RunSettings } from '../training/runSettings.ts';
import { assemble } from '../training/prepare/assemble.ts';
import { withPlannedHeads } from '../training/prepare/fitHeads.ts';
import { openInputs } from '../training/prepare/openInputsNode.ts';
import type { Finding } from './finding.ts';

export interface ExamineOptions {
  /** Told each finding as it is made. */
  readonly onFinding?: (finding: Finding) => void;
  readonly onModel?: OnModel;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing;
  /** Forecasts the run on several machines too. */
  readonly job?: PlannedJob | undefined;
}

/**
 * What would go wrong, and what it will cost, before any training: the images (unreadable, repeated, in both parts, few of a
 * class), the teacher on some of them, and time, memory and disk of the run. Nothing is written.
 * @throws UserError where there is no data at all to look at
 */
export async function examine(
  input: RunSettings,
  { onFinding = () => undefined, onModel, onListing, job }: ExamineOptions = {},
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
  tell(await asFindings('run', () => examineRun(config, job)));
  return findings;
}

async function examineRun(config: RunConfig, job: PlannedJob | undefined): Promise<Finding[]> {
  checkNames(config);
  const parts = assemble(config, withPlannedHeads(config, await openInputs(config)));
  checkStages(parts);
  return forecast(parts, nodePlatform({ device: 'cpu', threads: 'auto' }), job);
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
