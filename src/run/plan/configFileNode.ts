import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { isSection } from '../../config/settings.ts';
import { readYaml } from '../../config/yaml.ts';
import { writeFileAtomic } from '../../formats/atomicNode.ts';
import { UserError } from '../../graph/errors.ts';

/** A YAML (or JSON) configuration file as a plain object. */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new UserError(`${path}: no such file; wanted a configuration file in YAML`);
  }
  const value = readYaml(text, path);
  if (!isSection(value)) throw new UserError(`${path}: not a configuration file: wanted a mapping of keys to values`);
  return { ...value };
}

/** The configuration that a run was started with. */
export function readRunConfig(runFolder: string): Promise<Record<string, unknown>> {
  return readConfigFile(join(runFolder, 'config.yaml'));
}

export async function writeRunConfig(runFolder: string, config: unknown): Promise<void> {
  await writeFileAtomic(join(runFolder, 'config.yaml'), stringify(config));
}
