import { stringify } from 'yaml';
import { isSection } from '../../config/settings.ts';
import { readYaml } from '../../config/yaml.ts';
import { UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../../host/files.ts';

/** Where a run keeps the configuration that it was started with. */
export const CONFIG_FILE = 'config.yaml';

/** The settings of a YAML (or JSON) text; `where` names it in errors. */
export function parseConfigText(text: string, where: string): Record<string, unknown> {
  const value = readYaml(text, where);
  if (!isSection(value)) throw new UserError(`${where}: not a configuration file: wanted a mapping of keys to values`);
  return { ...value };
}

export function writeRunConfig(files: RunFiles, config: unknown): Promise<void> {
  return files.replace(CONFIG_FILE, stringify(config));
}
