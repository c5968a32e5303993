import { UserError } from '../graph/errors.ts';
import { showShape } from '../graph/shape.ts';
import type { EncoderKind } from '../models/encoder.ts';
import { ENCODER_DEFAULTS } from './config/encoderConfig.ts';
import type { ModelHints, ShapeReader } from './shapeReader.ts';

/** Heads of the released models by their width. Source: their config.json. */
const HEADS: Readonly<Record<number, number>> = {
  384: 6,
  768: 12,
  1024: 16,
  1152: 16,
  1280: 20,
  1536: 24,
  4096: 32,
};

/** Settings of an encoder of models/encoder.ts, by the shapes of its parameters and by what config.json says. */
export function encoderSettings(read: ShapeReader, hints: ModelHints & { readonly of?: EncoderKind }): object {
  const kind = hints.of === 'dinov2' && read.has('reg_token') ? 'dinov2_with_registers' : hints.of!;
  const { out: width, kernel: patchSize } = read.pixelKernel('patch_embed.proj.weight');
  const classToken = read.has('cls_token');
  const [wide = 0] = read.get('blocks.0.mlp.fc1.weight', 2);
  const hidden = read.get('blocks.0.mlp.fc2.weight', 2)[1]!;
  const dino = kind.startsWith('dino');
  const gated = wide === 2 * hidden;
  const { heads = HEADS[width], activation, normEpsilon, ropeTheta } = hints;
  if (heads === undefined)
    throw new UserError(
      `${read.where}: the number of attention heads is not in the shapes, and no known encoder has width ${width}. Put its config.json beside the file ("num_attention_heads")`,
    );
  const defaults = ENCODER_DEFAULTS[kind];
  return {
    kind,
    imageSize: hints.imageSize ?? defaults.imageSize ?? side(read, Number(classToken)) * patchSize,
    patchSize,
    patchBias: read.has('patch_embed.proj.bias'),
    width,
    depth: read.count(/^blocks\.(\d+)\./),
    heads,
    hidden,
    // DINOv2's SwiGLU has its own, whatever hidden_act says (modeling_dinov2.py, Dinov2SwiGLUFFN).
    activation: gated && kind !== 'dinov3_vit' ? 'silu' : (activation ?? defaults.activation),
    gated,
    classes: read.classes('head'),
    classToken,
    registers: read.has('reg_token') ? read.get('reg_token', 3)[1]! : 0,
    positions: kind === 'dinov3_vit' ? 'rope' : 'learned',
    ...(ropeTheta === undefined ? {} : { ropeTheta }),
    qkvBias: read.has('blocks.0.attn.qkv.bias'),
    layerScale: dino ? 1 : null,
    normEpsilon: normEpsilon ?? defaults.normEpsilon,
    preNorm: kind === 'clip_vision_model',
    finalNorm: kind === 'clip_vision_model' ? 'classToken' : 'tokens',
    pool: classToken ? 'token' : read.has('pool.probe') ? 'attention' : 'mean',
    projection: read.has('projection.weight') ? read.get('projection.weight', 2)[0]! : null,
    headReads: headReads(read, dino),
  };
}

/** Dinov2ForImageClassification reads two vectors; CLIPFor... and SiglipForImageClassification the mean of the patches. */
const headReads = (read: ShapeReader, dino: boolean): string =>
  !read.has('head.weight') ? 'embedding' : dino ? 'tokenAndMean' : 'mean';

/** Side of the square grid that the positions lie on. */
function side(read: ShapeReader, prefix: number): number {
  const shape = read.get('pos_embed', 3);
  const found = Math.sqrt(shape[1]! - prefix);
  if (Number.isInteger(found) && found > 0) return found;
  throw new UserError(
    `${read.where}: wanted position embeddings of a square grid and ${prefix} tokens, got pos_embed ${showShape(shape)}`,
  );
}
