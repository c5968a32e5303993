import { UserError } from '../../graph/errors.ts';
import { fitGeometry, type Geometry, roundHalfEven } from './geometry.ts';
import type { Triple } from './imageProcessors.ts';
import { asObject, type Json, show } from '../disk/jsonValue.ts';
import { unknownKeys } from './preprocessorKeys.ts';
import { type ReadPreprocessing, readFilter, readTriple, sideOf } from './preprocessorValues.ts';
import type { Preprocessing } from '../savedModel.ts';
import { fromTransformers } from './transformersPreprocessor.ts';

/**
 * From preprocessor_config.json (transformers', timm's inside it, or the arguments of torchvision's ImageClassification), else from
 * timm's pretrained_cfg.
 * @param modelType model_type of config.json, which tells the processor where the file does not.
 * @throws UserError for what cannot be computed here.
 */
export function preprocessingOf(
  file: Json | undefined,
  card: Json | undefined,
  where: string,
  modelType?: unknown,
): ReadPreprocessing {
  if (file === undefined) return card === undefined ? { notes: [] } : fromTimm(card, where);
  if (file.pretrained_cfg !== undefined) return fromTimm(asObject(file.pretrained_cfg), where);
  if (file.resize_size !== undefined) return fromTorchvision(file, where);
  return fromTransformers(file, where, modelType);
}

/** What the files say, with what a user says in its place; undefined where nobody says how pixels are normalised. */
export function chosenPreprocessing(
  said: ReadPreprocessing | undefined,
  asked: {
    readonly mean?: Triple | null | undefined;
    readonly std?: Triple | null | undefined;
    readonly evalCropRatio?: number | null | undefined;
  },
  imageSize: number,
): Preprocessing | undefined {
  const [mean, std] = [asked.mean ?? said?.mean, asked.std ?? said?.std];
  if (!mean || !std) return undefined;
  const evalCropRatio = asked.evalCropRatio ?? said?.evalCropRatio ?? 0.875;
  const { geometry, filter } = said ?? {};
  const own = asked.evalCropRatio == null && geometry && fitGeometry(geometry, said?.imageSize ?? imageSize, imageSize);
  return { imageSize, mean, std, evalCropRatio, ...(own && { geometry: own }), ...(filter && { filter }) };
}

/**
 * timm: input_size [3,S,S], crop_pct, crop_mode, mean, std, interpolation, with its own values where they are missing.
 * Source: timm's resolve_data_config and transforms_imagenet_eval.
 */
function fromTimm(card: Json, where: string): ReadPreprocessing {
  const [, rows, columns] = Array.isArray(card.input_size) ? (card.input_size as unknown[]) : [];
  if (rows !== columns) throw new UserError(`${where}: input_size: wanted square images, got ${show(card.input_size)}`);
  const ratio = card.crop_pct ?? 0.875;
  if (typeof ratio !== 'number' || !(ratio > 0.1 && ratio < 10))
    throw new UserError(`${where}: crop_pct: wanted a number such as 0.875, got ${show(ratio)}`);
  const mean = readTriple('mean', card.mean, where) ?? [0.485, 0.456, 0.406];
  const std = readTriple('std', card.std, where) ?? [0.229, 0.224, 0.225];
  const size = rows === undefined ? 224 : sideOf(rows, where, 'input_size');
  const geometry = timmGeometry(card.crop_mode, size, ratio, mean, where);
  // The usual geometry is one of any size, so a size that is timm's own guess need not be said.
  const imageSize = rows === undefined && !geometry ? undefined : size;
  return {
    ...(imageSize === undefined ? {} : { imageSize }),
    evalCropRatio: Math.min(1, ratio),
    ...(geometry && { geometry }),
    mean,
    std,
    ...readFilter('interpolation', card.interpolation || 'bicubic', where),
    notes: [],
  };
}

/** Undefined where it is the usual one. */
function timmGeometry(mode: unknown, size: number, ratio: number, mean: Triple, where: string): Geometry | undefined {
  const side = Math.floor(size / ratio);
  switch (mode ?? 'center') {
    case 'center':
      return ratio <= 1 ? undefined : { resize: { to: 'shorter', side }, centre: 'even' };
    case 'squash':
      return { resize: { to: 'exactly', width: side, height: side }, centre: 'even' };
    case 'border':
      return { resize: { to: 'longer', side }, centre: 'even', fill: mean.map((x) => roundHalfEven(255 * x)) };
    default:
      throw new UserError(`${where}: crop_mode: wanted center, squash or border, got ${show(mode)}`);
  }
}

/**
 * torchvision.transforms._presets.ImageClassification: the shorter side to `resize_size`, a centre of `crop_size`, bilinear unless
 * told, ImageNet's mean and std. Of pictures (not tensors) its resize is Pillow's, so `antialias` says nothing.
 */
function fromTorchvision(file: Json, where: string): ReadPreprocessing {
  const [imageSize, side] = [
    sideOf(bare(file.crop_size), where, 'crop_size'),
    sideOf(bare(file.resize_size), where, 'resize_size'),
  ];
  const named = typeof file.interpolation === 'string' ? file.interpolation.toLowerCase().split('.').at(-1) : undefined;
  return {
    imageSize,
    evalCropRatio: Math.min(1, imageSize / side),
    geometry: { resize: { to: 'shorter', side }, centre: 'even' },
    mean: readTriple('mean', file.mean, where) ?? [0.485, 0.456, 0.406],
    std: readTriple('std', file.std, where) ?? [0.229, 0.224, 0.225],
    ...readFilter('interpolation', named ?? file.interpolation ?? 'bilinear', where),
    notes: [
      ...unknownKeys(file, TORCHVISION, where),
      ...(file.antialias === false
        ? [`${where}: antialias false is of tensors; here images are resized as pictures, smoothed`]
        : []),
    ],
  };
}

const TORCHVISION = ['crop_size', 'resize_size', 'interpolation', 'mean', 'std', 'antialias'];

/** torchvision's lists of one number. */
const bare = (value: unknown): unknown =>
  Array.isArray(value) && value.length === 1 ? (value as unknown[])[0] : value;
