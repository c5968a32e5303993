import { UserError } from '../../graph/errors.ts';
import type { Geometry, Resize } from './geometry.ts';
import {
  IMAGE_PROCESSORS,
  type ImageProcessor,
  OTHER_PROCESSORS,
  processorName,
  type Size,
  type Triple,
} from './imageProcessors.ts';
import { asObject, type Json, show } from '../disk/jsonValue.ts';
import { checkKeys } from './preprocessorKeys.ts';
import { type ReadPreprocessing, readFilter, readTriple, sideOf, sizeOf } from './preprocessorValues.ts';

/** A preprocessor_config.json as the image processor that it names computes it, to the byte of its form for Pillow. */
export function fromTransformers(file: Json, where: string, modelType: unknown): ReadPreprocessing {
  const name = processorName(file, modelType);
  if (name !== undefined && Object.hasOwn(OTHER_PROCESSORS, name))
    throw new UserError(
      `${where}: image_processor_type: wanted one that can be computed here (${Object.keys(IMAGE_PROCESSORS).join(', ')}), got ${name}, which ${OTHER_PROCESSORS[name]}`,
    );
  const processor = name !== undefined && Object.hasOwn(IMAGE_PROCESSORS, name) ? IMAGE_PROCESSORS[name] : undefined;
  const unknown = checkKeys(file, where);
  const geometry = readGeometry(file, processor, where);
  return {
    ...geometry,
    ...normalisation(file, processor, where),
    ...readFilter('resample', file.resample ?? processor?.resample ?? 3, where),
    ...(file.do_flip_channel_order === true || flipsByItself(file, name) ? { flipsChannels: true } : {}),
    notes: [...unknown, ...ofProcessor(file, name, processor), ...geometry.notes],
  };
}

const flipsByItself = (file: Json, name: string | undefined): boolean =>
  name === 'MobileViTImageProcessor' && file.do_flip_channel_order == null;

function ofProcessor(file: Json, name: string | undefined, processor: ImageProcessor | undefined): string[] {
  if (name !== undefined && !processor)
    return [`nothing is known of the image processor ${name}; its keys are read as most of transformers' are`];
  const type = file.image_processor_type;
  return typeof type === 'string' && type.endsWith('Fast')
    ? [`${type} resizes tensors, which rounds otherwise here and there; here images are resized as by Pillow (${name})`]
    : [];
}

type ReadGeometry = Pick<ReadPreprocessing, 'imageSize' | 'evalCropRatio' | 'geometry' | 'notes'>;

/** Resize and crop, in transformers' order. */
function readGeometry(file: Json, processor: ImageProcessor | undefined, where: string): ReadGeometry {
  const square = typeof file.default_to_square === 'boolean' ? file.default_to_square : (processor?.square ?? false);
  const size = file.size == null ? processor?.size : sizeOf(file.size, square, where);
  const cuts = file.do_center_crop ?? (processor ? processor.crop !== undefined : file.crop_size != null);
  if (size === undefined && (file.do_resize !== false || cuts !== true)) return { notes: [] };
  const found = size && resizeOf(file, size, processor, where);
  const crop =
    found?.crop ?? (cuts === true ? sideOf(file.crop_size ?? processor?.crop, where, 'crop_size') : undefined);
  if (crop === undefined && size && size.shortest === undefined && size.height !== size.width)
    throw new UserError(
      `${where}: size: wanted a square, since models take square images here, got ${show(file.size)}`,
    );
  if (file.do_resize === false)
    return placed(file, { to: 'nothing', cut: cuts === true }, cuts === true ? crop : sideOfSize(size));
  return placed(file, found!.resize, crop);
}

/** What the processor resizes to, and what it cuts out of it at once. */
function resizeOf(
  file: Json,
  size: Size,
  processor: ImageProcessor | undefined,
  where: string,
): { readonly resize: Resize; readonly crop?: number } {
  // A file without a name but with crop_pct is ConvNext's, as it always was here.
  const known = processor ?? (typeof file.crop_pct === 'number' && file.crop_size == null ? nameless : undefined);
  const usual: Resize =
    size.shortest === undefined
      ? { to: 'exactly', width: size.width, height: size.height }
      : { to: 'shorter', side: size.shortest };
  if (!known?.resize) return { resize: usual };
  return known.resize(size, cropPctOf(file, known, where)) ?? { resize: usual };
}

const nameless = IMAGE_PROCESSORS.ConvNextImageProcessor!;

/** null switches it off; what is left out is the processor's own. */
function cropPctOf(file: Json, { cropPct = 1 }: ImageProcessor, where: string): number | null {
  const said = file.crop_pct === undefined ? cropPct : file.crop_pct;
  if (said === null || (typeof said === 'number' && said > 0.1 && said < 10)) return said;
  throw new UserError(`${where}: crop_pct: wanted a number such as 0.875, got ${show(said)}`);
}

const sideOfSize = (size: Size | undefined): number | undefined =>
  size?.shortest ?? (size && size.height === size.width ? size.height : undefined);

function placed(file: Json, resize: Resize, crop: number | undefined): ReadGeometry {
  const side = crop ?? (resize.to === 'exactly' ? resize.height : resize.to === 'nothing' ? undefined : resize.side);
  if (side === undefined) return { geometry: { resize, centre: 'floor' }, notes: [] };
  const whole = crop === undefined && resize.to === 'shorter';
  const kept = resize.to === 'shorter' ? Math.min(1, side / resize.side) : 1;
  const ratio = typeof file.crop_pct === 'number' && file.crop_pct <= 1 ? file.crop_pct : kept;
  // Understudy's models are cut as torchvision does, which none of transformers' processors does to the pixel.
  const own = asObject(file.understudy).centre === 'even' || isOurs(file);
  const usual = own && resize.to === 'shorter' && resize.side === Math.floor(side / ratio);
  const geometry: Geometry = { resize, centre: own ? 'even' : 'floor' };
  return {
    imageSize: side,
    evalCropRatio: usual ? ratio : kept,
    ...(usual ? {} : { geometry }),
    notes: whole
      ? [`the model's own preparation keeps the longer side; here the central ${side} x ${side} px are cut out`]
      : [],
  };
}

/** Files of before the section `understudy`: transformers' CLIPImageProcessor has no crop_pct. */
const isOurs = (file: Json): boolean =>
  file.image_processor_type === 'CLIPImageProcessor' && typeof file.crop_pct === 'number';

/** What becomes of a byte, as (byte / 255 - mean) / std. */
function normalisation(
  file: Json,
  processor: ImageProcessor | undefined,
  where: string,
): { readonly mean?: Triple; readonly std?: Triple } {
  const [said, deviation] = [
    readTriple('image_mean', file.image_mean, where),
    readTriple('image_std', file.image_std, where),
  ];
  const plain = file.do_normalize === false || (processor !== undefined && !processor.mean);
  const mean = plain ? ([0, 0, 0] as const) : (said ?? processor?.mean);
  const once = plain ? ([1, 1, 1] as const) : (deviation ?? processor?.std);
  // EfficientNet's processor divides once more by image_std.
  const more = processor?.includeTop && file.include_top !== false ? (deviation ?? processor.std) : undefined;
  const std = once && more ? zip(once, more, (a, b) => a * b) : once;
  const { factor, offset } = rescaling(file, where);
  return {
    ...(mean && { mean: mean.map((m) => (m + offset) / factor) as unknown as Triple }),
    ...(std && { std: std.map((s) => s / factor) as unknown as Triple }),
  };
}

const zip = (a: Triple, b: Triple, of: (a: number, b: number) => number): Triple => [
  of(a[0], b[0]),
  of(a[1], b[1]),
  of(a[2], b[2]),
];

/** A byte is multiplied by factor / 255, then `offset` is taken off. */
function rescaling(file: Json, where: string): { readonly factor: number; readonly offset: number } {
  if (file.do_rescale === false) return { factor: 255, offset: 0 };
  const scale = file.rescale_factor ?? 1 / 255;
  if (typeof scale !== 'number' || !(scale >= 1e-6 && scale <= 1e6))
    throw new UserError(
      `${where}: rescale_factor: wanted a number above 0 such as 0.00392156862745098 (1 / 255), got ${show(scale)}`,
    );
  return { factor: scale * 255, offset: file.rescale_offset === true ? 1 : 0 };
}
