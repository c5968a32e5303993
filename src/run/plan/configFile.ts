import { Document, isScalar, parseDocument } from 'yaml';
import { isSection } from '../../config/settings.ts';
import { readYaml } from '../../config/yaml.ts';
import { UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../../host/files.ts';
import type { Choice } from './defaults.ts';

/** Where a run keeps the configuration that it was started with. */
export const CONFIG_FILE = 'config.yaml';

/** The settings of a YAML (or JSON) text; `where` names it in errors. */
export function parseConfigText(text: string, where: string): Record<string, unknown> {
  const value = readYaml(text, where);
  if (!isSection(value)) throw new UserError(`${where}: not a configuration file: wanted a mapping of keys to values`);
  return { ...value };
}

/** Writes the configuration as it was given; beside each "auto" stands what it became, and why. */
export function writeRunConfig(files: RunFiles, config: unknown, choices: readonly Choice[]): Promise<void> {
  return files.replace(CONFIG_FILE, configText(config, choices));
}

export function configText(config: unknown, choices: readonly Choice[]): string {
  const document = new Document(config);
  for (const { key, value, reason } of choices) {
    const node = document.getIn(key.split('.'), true);
    if (isScalar(node) && node.value === 'auto') node.comment = ` ${value}: ${reason}`;
  }
  // A reason is one line, whatever its length.
  return document.toString({ lineWidth: 0 });
}

/** Those of these choices that the text says were others when it was written, with what they were. */
export function chosenOtherwise(text: string, choices: readonly Choice[]): (Choice & { readonly was: string })[] {
  const document = parseDocument(text);
  return choices.flatMap((choice) => {
    const node = document.getIn(choice.key.split('.'), true);
    const was = isScalar(node) && node.value === 'auto' ? node.comment?.match(/^ (.*?): /)?.[1] : undefined;
    return was === undefined || was === String(choice.value) ? [] : [{ ...choice, was }];
  });
}
