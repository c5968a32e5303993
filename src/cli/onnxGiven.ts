import { onnxSchema } from '../config/schema.ts';
import { parseConfig } from '../config/parse.ts';
import type { OnnxGiven } from '../run/onnxReference.ts';
import type { onnxFlags } from './onnxFlags.ts';

type Given = { readonly [K in keyof typeof onnxFlags]?: string | undefined };

/** @throws UserError naming the flag that is wrong. */
export function onnxGiven(args: Given): OnnxGiven {
  const numbers = (text: string | undefined) => text?.split(',').map(Number) ?? null;
  const given = {
    classes: args.classes ?? null,
    mean: numbers(args.mean),
    std: numbers(args.std),
    imageSize: args['image-size'] === undefined ? null : Number(args['image-size']),
  };
  return parseConfig(onnxSchema, given, '--classes, --mean, --std, --image-size');
}
