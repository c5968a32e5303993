import { describedSchema } from '../config/schema.ts';
import { parseConfig } from '../config/parse.ts';
import { UserError } from '../graph/errors.ts';
import type { Described } from '../run/models/described.ts';
import { wholeNumber } from './arguments.ts';
import type { describedFlags } from './describedFlags.ts';

/** The flags as they were typed. */
export type DescribedArgs = { readonly [K in keyof typeof describedFlags]?: string | undefined };

/** @throws UserError naming the flag that is wrong. */
export function describedBy(args: DescribedArgs): Described {
  const numbers = (flag: string, text: string | undefined) => {
    const found = text?.split(',').map(Number) ?? null;
    if (found?.length === 3 && !found.some(Number.isNaN)) return found as [number, number, number];
    if (found) throw new UserError(`--${flag}: wanted three numbers, as in 0.485,0.456,0.406, got "${text}"`);
    return null;
  };
  const given = {
    classes: args.classes ?? null,
    mean: numbers('mean', args.mean),
    std: numbers('std', args.std),
    imageSize: args['image-size'] === undefined ? null : wholeNumber('image-size', args['image-size'], 1),
  };
  return parseConfig(describedSchema, given, '--classes, --mean, --std, --image-size');
}
