import { forecastDiskCache } from '../../../data/caches/diskForecastNode.ts';
import { freeBytes, SPARE_BYTES } from '../../../data/caches/diskCacheNode.ts';
import type { RunParts } from '../stage/spec.ts';
import { transformOf } from '../../datasets/loaders.ts';
import { imageCacheFolder } from '../../../data/caches/imageCacheFolderNode.ts';

/** What is to be said of the decoded images that a run will keep on the disk, before it starts. */
export interface DecodedForecast {
  readonly level: 'note' | 'warning';
  readonly text: string;
  readonly remedy?: string;
}

/** Undefined where `data.cache` is not disk. */
export async function decodedForecast({
  config: { data: wanted },
  settings,
  data,
}: Pick<RunParts, 'config' | 'settings' | 'data'>): Promise<DecodedForecast | undefined> {
  if (wanted.cache !== 'disk') return undefined;
  const dir = imageCacheFolder(wanted.cacheDir);
  const transform = transformOf(settings);
  const parts = [
    await forecastDiskCache(dir, data.train, transform, true),
    await forecastDiskCache(dir, data.val, transform, false),
  ];
  const sum = (of: 'bytes' | 'stored') => parts.reduce((total, part) => total + part[of], 0);
  const free = freeBytes(dir) ?? Number.POSITIVE_INFINITY;
  return describeForecast({ dir, bytes: sum('bytes'), stored: sum('stored'), limit: wanted.cacheGB * 1e9, free });
}

export interface DecodedBytes {
  readonly dir: string;
  /** Of all images, and of those that are there. */
  readonly bytes: number;
  readonly stored: number;
  readonly limit: number;
  /** On the disk. */
  readonly free: number;
}

export function describeForecast({ dir, bytes, stored, limit, free }: DecodedBytes): DecodedForecast {
  const room = Number.isFinite(free) ? `, ${gigabytes(free)} free on the disk` : '';
  const there = bytes === 0 ? 0 : Math.round((100 * stored) / bytes);
  const text = `about ${gigabytes(bytes)} in ${dir} (data.cache=disk), ${there} % of it there already; limit ${gigabytes(limit)} (data.cacheGB)${room}`;
  const missing = Math.min(bytes, limit) - stored;
  if (missing > free - SPARE_BYTES)
    return {
      level: 'warning',
      text: `${text}: the disk is too small, and images are kept until ${gigabytes(SPARE_BYTES)} are left`,
      remedy:
        'Free space, choose another disk (data.cacheDir), or delete old ones (understudy store --images --clean GB)',
    };
  if (bytes <= limit) return { level: 'note', text };
  return {
    level: 'warning',
    text: `${text}: the limit holds ${Math.round((100 * limit) / bytes)} % of them, the rest is decoded in each epoch`,
    remedy: 'Raise data.cacheGB',
  };
}

/** Two digits: it is a forecast. */
const gigabytes = (bytes: number): string =>
  bytes < 1e9 ? `${Number((bytes / 1e6).toPrecision(2))} MB` : `${Number((bytes / 1e9).toPrecision(2))} GB`;
