import type { EncoderKind } from '../../models/encoder.ts';
import { geometryText } from './geometry.ts';
import type { ReadPreprocessing } from './preprocessorValues.ts';
import { fromTransformers } from './transformersPreprocessor.ts';

const IMAGENET = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };

/**
 * How the images of a known encoder are prepared where no file says so: as by the preprocessor_config.json that its released models
 * have, at another side in proportion (DINOv2's 256 and 224).
 */
export function encoderPreprocessing(kind: EncoderKind, side: number): { read: ReadPreprocessing; said: string } {
  const square = { height: side, width: side };
  const dinov2 = {
    image_processor_type: 'BitImageProcessor',
    size: { shortest_edge: Math.floor((side * 256) / 224) },
    crop_size: square,
    ...IMAGENET,
  };
  const files = {
    dinov2,
    dinov2_with_registers: dinov2,
    dinov3_vit: { image_processor_type: 'DINOv3ViTImageProcessor', size: square },
    clip_vision_model: { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: side }, crop_size: square },
    siglip_vision_model: { image_processor_type: 'SiglipImageProcessor', size: square },
  } as const satisfies Readonly<Record<EncoderKind, object>>;
  const read = fromTransformers(files[kind], kind, kind);
  const { filter = 'bicubic', geometry, evalCropRatio = 1, mean, std } = read;
  const shape = geometryText({ imageSize: side, evalCropRatio, geometry }, filter);
  return { read, said: `${shape}, mean ${mean!.join(' ')}, std ${std!.join(' ')}` };
}
