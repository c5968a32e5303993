import { isSection, overlay, type Settings } from '../config/settings.ts';
import { UserError } from '../graph/errors.ts';

/** `{'train.seed': 1, optim: {lr: 2}}` -> `{train: {seed: 1}, optim: {lr: 2}}`: only the outermost keys may be dotted. */
export function nested(settings: Settings, where: string): Settings {
  return Object.entries(settings).reduce<Settings>((all, [key, value]) => {
    const path = key.split('.');
    if (path.some((part) => part === '' || part === '__proto__'))
      throw new UserError(`${where}: wanted a dotted key such as train.seed, got "${key}"`);
    return overlay(all, path.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as Settings);
  }, {});
}

/** The dotted keys of all values below. */
export function leafKeys(settings: Settings, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([key, value]) =>
    isSection(value) && Object.keys(value).length > 0 ? leafKeys(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}
