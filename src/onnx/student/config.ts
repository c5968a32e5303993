import { z } from 'zod';
import { MOST_CLASSES, MOST_IMAGE_SIZE } from '../../models/limits.ts';

/** What a user may say of a network of their own: names of values in its file. */
export const onnxSettingsSchema = z.strictObject({
  /** Float tensors that are no weights although they are used as such: they stay as they are. */
  constants: z.array(z.string()).default([]),
  /** Begins with random weights: the file gives its graph alone. */
  fresh: z.boolean().default(false),
  /** Values that are features; what is left out is found (understudy inspect). */
  features: z
    .strictObject({
      maps: z.record(z.string(), z.string()).optional(),
      tokens: z.array(z.string()).min(1).optional(),
      pooled: z.string().optional(),
    })
    .default({}),
});

/** A network of the user's own, read from an ONNX file. Its description holds all of the file but the values of the weights. */
export const onnxConfigSchema = onnxSettingsSchema.extend({
  family: z.literal('onnx'),
  imageSize: z.int().min(1).max(MOST_IMAGE_SIZE),
  /** 0: its output is taken as it is, as features. */
  classes: z.int().min(0).max(MOST_CLASSES),
  /** transformers' name of the architecture, as the config.json beside the file said it. */
  modelType: z.string().default('onnx'),
  /** The file without the values of its weights. */
  network: z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'the bytes of an ONNX file'),
});

export type OnnxConfig = z.output<typeof onnxConfigSchema>;
