import { describedSchema } from '../config/schema.ts';
import { parseConfig } from '../config/parse.ts';
import type { Described } from '../run/described.ts';
import type { describedFlags } from './describedFlags.ts';

/** The flags as they were typed. */
export type DescribedArgs = { readonly [K in keyof typeof describedFlags]?: string | undefined };

/** @throws UserError naming the flag that is wrong. */
export function describedBy(args: DescribedArgs): Described {
  const numbers = (text: string | undefined) => text?.split(',').map(Number) ?? null;
  const given = {
    classes: args.classes ?? null,
    mean: numbers(args.mean),
    std: numbers(args.std),
    imageSize: args['image-size'] === undefined ? null : Number(args['image-size']),
  };
  return parseConfig(describedSchema, given, '--classes, --mean, --std, --image-size');
}
