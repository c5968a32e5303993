import type { Resize } from './geometry.ts';
import type { Json } from '../disk/jsonValue.ts';

export type Triple = readonly [number, number, number];

/** `size` of a preprocessor_config.json, whichever way it is written. */
export type Size =
  | { readonly shortest: number }
  | { readonly height: number; readonly width: number; readonly shortest?: undefined };

/** What an image processor of transformers takes where its file leaves a key out, and what it does in a way of its own. */
export interface ImageProcessor {
  readonly size: Size;
  /** Whether a bare number is the side of a square; else it is the shorter side (`default_to_square`). */
  readonly square: boolean;
  /** Side that it cuts out of the centre; undefined: it cuts nothing unless told. */
  readonly crop?: number;
  /** Pillow's number. */
  readonly resample: number;
  /** Undefined: it never normalises, whatever the file says. */
  readonly mean?: Triple;
  readonly std?: Triple;
  /** Divides by the deviation once more unless `include_top` is false. */
  readonly includeTop?: true;
  /** A resize that is not what `size` says, and the side that is cut out then. */
  readonly resize?: (
    size: Size,
    cropPct: number | null,
  ) => { readonly resize: Resize; readonly crop?: number } | undefined;
  /** crop_pct where the file leaves it out; undefined: the key is not used. */
  readonly cropPct?: number;
}

const HALF: Triple = [0.5, 0.5, 0.5];
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const STANDARD = { mean: HALF, std: HALF } as const;
const OPENAI = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;
const [NEAREST, BILINEAR, BICUBIC] = [0, 2, 3];
const box = (side: number): Size => ({ height: side, width: side });
const exactly = (side: number): Resize => ({ to: 'exactly', width: side, height: side });
const shorter = (side: number): Resize => ({ to: 'shorter', side });

const vit: ImageProcessor = { size: box(224), square: true, resample: BILINEAR, ...STANDARD };
const clip: ImageProcessor = { size: { shortest: 224 }, square: false, crop: 224, resample: BICUBIC, ...OPENAI };
const beit: ImageProcessor = { size: box(256), square: true, crop: 224, resample: BICUBIC, ...STANDARD };
const mobileNet: ImageProcessor = {
  size: { shortest: 256 },
  square: false,
  crop: 224,
  resample: BILINEAR,
  ...STANDARD,
};

const convNext: ImageProcessor = {
  size: { shortest: 384 },
  square: false,
  resample: BICUBIC,
  ...STANDARD,
  cropPct: 224 / 256,
  resize: ({ shortest }, cropPct) => {
    if (shortest === undefined) return undefined;
    if (shortest >= 384) return { resize: exactly(shortest) };
    return { resize: shorter(Math.trunc(shortest / (cropPct ?? 224 / 256))), crop: shortest };
  },
};

/** By the name of the class, without the endings of its kinds (Fast, Pil). Source: transformers' models, image_processing_*.py, 4.57. */
export const IMAGE_PROCESSORS: Readonly<Record<string, ImageProcessor>> = {
  ViTImageProcessor: vit,
  SiglipImageProcessor: { ...vit, resample: BICUBIC },
  PvtImageProcessor: { ...vit, ...IMAGENET },
  SegformerImageProcessor: { ...vit, size: box(512), ...IMAGENET },
  DINOv3ViTImageProcessor: { ...vit, ...IMAGENET },
  DPTImageProcessor: { ...vit, size: box(384), resample: BICUBIC },
  EfficientFormerImageProcessor: { ...vit, crop: 224, resample: BICUBIC, ...IMAGENET },
  EfficientNetImageProcessor: { ...vit, size: box(346), resample: NEAREST, includeTop: true },
  BeitImageProcessor: beit,
  // Of the two kinds of this one the values differ.
  BeitImageProcessorFast: { ...vit, resample: BICUBIC },
  DeiTImageProcessor: beit,
  CLIPImageProcessor: clip,
  ChineseCLIPImageProcessor: clip,
  BitImageProcessor: clip,
  ViTHybridImageProcessor: clip,
  MobileNetV1ImageProcessor: mobileNet,
  MobileNetV2ImageProcessor: mobileNet,
  MobileViTImageProcessor: { size: { shortest: 224 }, square: false, crop: 256, resample: BILINEAR },
  ConvNextImageProcessor: convNext,
  // int((256 / 224) * size).
  LevitImageProcessor: {
    ...clip,
    ...IMAGENET,
    resize: ({ shortest }) =>
      shortest === undefined ? undefined : { resize: shorter(Math.trunc((256 / 224) * shortest)) },
  },
  // With crop_pct a square size is the shorter side too.
  PoolFormerImageProcessor: {
    ...clip,
    ...IMAGENET,
    cropPct: 0.9,
    resize: (size, cropPct) => {
      const side = size.shortest ?? (size.height === size.width ? size.height : undefined);
      return cropPct === null || side === undefined ? undefined : { resize: shorter(Math.trunc(side / cropPct)) };
    },
  },
};

/** These prepare images in ways that no key says. */
export const OTHER_PROCESSORS: Readonly<Record<string, string>> = {
  PerceiverImageProcessor: 'cuts before it resizes',
  ImageGPTImageProcessor: 'turns pixels into colour clusters',
  GLPNImageProcessor: 'rounds sides to multiples',
  DonutImageProcessor: 'lays thumbnails on a page',
  NougatImageProcessor: 'cuts margins off',
  Pix2StructImageProcessor: 'cuts images into patches',
  Siglip2ImageProcessor: 'cuts images into patches',
  Owlv2ImageProcessor: 'pads images to squares',
  VivitImageProcessor: 'takes videos',
  VideoMAEImageProcessor: 'takes videos',
  TextNetImageProcessor: 'rounds sides to multiples',
};

/** The class that transformers takes for a model_type where the file names none (image_processing_auto.py). */
const BY_MODEL: Readonly<Record<string, string>> = {
  align: 'EfficientNet',
  beit: 'Beit',
  bit: 'Bit',
  clip: 'CLIP',
  convnext: 'ConvNext',
  convnextv2: 'ConvNext',
  cvt: 'ConvNext',
  'data2vec-vision': 'Beit',
  deit: 'DeiT',
  dinat: 'ViT',
  dinov2: 'Bit',
  dinov2_with_registers: 'Bit',
  dinov3_vit: 'DINOv3ViT',
  dinov3_convnext: 'DINOv3ViT',
  efficientformer: 'EfficientFormer',
  efficientnet: 'EfficientNet',
  focalnet: 'Bit',
  hiera: 'Bit',
  ijepa: 'ViT',
  levit: 'Levit',
  mobilenet_v1: 'MobileNetV1',
  mobilenet_v2: 'MobileNetV2',
  mobilevit: 'MobileViT',
  mobilevitv2: 'MobileViT',
  nat: 'ViT',
  perceiver: 'Perceiver',
  poolformer: 'PoolFormer',
  pvt: 'Pvt',
  pvt_v2: 'Pvt',
  regnet: 'ConvNext',
  resnet: 'ConvNext',
  segformer: 'Segformer',
  siglip: 'Siglip',
  swiftformer: 'ViT',
  swin: 'ViT',
  swinv2: 'ViT',
  van: 'ConvNext',
  vit: 'ViT',
  vit_hybrid: 'ViTHybrid',
  vit_mae: 'ViT',
  vit_msn: 'ViT',
};

/** The processor's name as the table has it; undefined where nothing tells. Feature extractors are their older name. */
export function processorName(file: Json, modelType: unknown): string | undefined {
  const named = file.image_processor_type ?? file.feature_extractor_type;
  if (typeof named === 'string') return named.replace(/FeatureExtractor$/, 'ImageProcessor').replace(/(Fast|Pil)$/, '');
  const known = typeof modelType === 'string' && Object.hasOwn(BY_MODEL, modelType) ? BY_MODEL[modelType] : undefined;
  return known === undefined ? undefined : `${known}ImageProcessor`;
}
