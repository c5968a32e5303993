import type { RunConfig } from '../../config/schema.ts';
import type { TeacherView } from '../../data/loading/loaderShared.ts';
import type { LoaderOptions } from '../../data/loading/loader.ts';
import type { ImageList } from '../../data/dataset.ts';
import { parseRandAugment } from '../../data/augment/randAugmentConfig.ts';
import type { TransformConfig } from '../../data/augment/pipeline.ts';
import type { MixConfig } from '../../data/augment/mix.ts';
import type { Settings } from '../plan/defaults.ts';
import type { RunData } from './runData.ts';

export function transformOf({ imageSize, augment }: Settings): TransformConfig {
  const { mean, std, evalCropRatio } = augment;
  const { crop, scale, ratio, padding, flip, interpolation, threeAugment, colourJitter, erase } = augment;
  const randAugment = augment.randAugment === null ? null : parseRandAugment(augment.randAugment);
  const geometry = { crop, scale, ratio, padding, flip, interpolation };
  return {
    imageSize,
    mean,
    std,
    evalCropRatio,
    train: { ...geometry, randAugment, threeAugment, colourJitter, erase },
  };
}

/** The training batches of a run. */
export function trainBatches(
  data: RunData,
  config: RunConfig,
  settings: Settings,
  teacherView?: TeacherView | undefined,
  onBad?: (reason: string) => void,
): LoaderOptions {
  const { views, viewSeed } = config.data;
  return {
    list: data.train,
    transform: transformOf(settings),
    batch: settings.train.batch,
    train: true,
    seed: settings.train.seed,
    repeats: settings.augment.repeats,
    mix: mixOf(settings),
    ...(views === null ? {} : { views: { count: views, seed: viewSeed } }),
    ...(teacherView && { teacherView }),
    onBad,
    onWarning: onBad,
    ...loaderOptions(config),
  };
}

export function mixOf({ augment }: Settings): MixConfig {
  const { mixup, cutmix, mixSwitch, mixProbability } = augment;
  return { mixup, cutmix, switch: mixSwitch, probability: mixProbability };
}

/** What the loader itself is told by a configuration. */
export interface LoaderConfig {
  readonly data: Pick<RunConfig['data'], 'workers' | 'cacheMB' | 'maxBadFraction'> &
    Partial<Pick<RunConfig['data'], 'cache' | 'cacheGB' | 'cacheDir'>>;
}

/** Validation images are few and seen again and again: they may use an equal cache. */
export function evalBatches(
  list: ImageList,
  transform: TransformConfig,
  batch: number,
  config: LoaderConfig,
  onBad?: (reason: string) => void,
): LoaderOptions {
  return {
    list,
    transform,
    batch,
    train: false,
    seed: 0,
    onBad,
    onWarning: onBad,
    ...loaderOptions(config),
  };
}

/** Each image once, whatever cannot be read: for those who look at a model. */
export const onceOver = (list: ImageList, transform: TransformConfig, batch: number): LoaderOptions =>
  evalBatches(list, transform, batch, { data: { workers: 'auto', cacheMB: 0, maxBadFraction: 1 } });

function loaderOptions({ data }: LoaderConfig) {
  return {
    maxBadFraction: data.maxBadFraction,
    cacheMB: data.cache === 'none' ? 0 : data.cacheMB,
    ...(data.cache === 'disk' && {
      disk: { dir: data.cacheDir ?? null, maxBytes: (data.cacheGB ?? 20) * 1e9 },
    }),
    ...(data.workers === 'auto' ? {} : { workers: data.workers }),
  };
}
