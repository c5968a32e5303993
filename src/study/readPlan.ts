import { readFile } from 'node:fs/promises';
import { readYaml } from '../config/yaml.ts';
import { naming, UserError } from '../graph/errors.ts';
import { planStudy, type StudyPlan } from './plan.ts';

/**
 * A study file and its runs.
 * @throws UserError for a file that cannot be read or planned.
 */
export async function readPlan(file: string): Promise<{ readonly text: string; readonly plan: StudyPlan }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new UserError(`${file}: no such file; wanted a study in YAML`);
  }
  return { text, plan: naming(file, () => planStudy(readYaml(text, file), file)) };
}
