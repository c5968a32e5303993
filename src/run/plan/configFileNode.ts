import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { CONFIG_FILE, parseConfigText } from './configFile.ts';

/** A YAML (or JSON) configuration file as a plain object. */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new UserError(`${path}: no such file; wanted a configuration file in YAML`);
  }
  return parseConfigText(text, path);
}

/** The configuration that a run was started with. */
export function readRunConfig(runFolder: string): Promise<Record<string, unknown>> {
  return readConfigFile(join(runFolder, CONFIG_FILE));
}
