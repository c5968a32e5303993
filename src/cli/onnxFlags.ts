import { onnxSchema } from '../config/schema.ts';
import { parseConfig } from '../config/parse.ts';
import type { OnnxGiven } from '../run/onnxReference.ts';

/** What an .onnx file and the files beside it may not say. */
export const onnxFlags = {
  classes: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'For an .onnx file: class names, one a line or as JSON; or "index": the classes of the data, in its order',
  },
  mean: {
    type: 'string',
    valueHint: 'R,G,B',
    description: 'For an .onnx file: mean of the pixels (0 to 1) it was trained with',
  },
  std: { type: 'string', valueHint: 'R,G,B', description: 'For an .onnx file: standard deviation of these pixels' },
  'image-size': {
    type: 'string',
    valueHint: 'N',
    description: 'For an .onnx file that leaves it open: side of the input',
  },
} as const;

export const onnxNotes =
  'An .onnx file is described by the config.json (id2label) and preprocessor_config.json beside it or one folder up; flags win over them.';

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
