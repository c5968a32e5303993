import type { Pixels } from '../augment/pixels.ts';

/**
 * Prepared pixels of a list's images in memory that all workers share, so that later epochs do not decode again.
 * Three shared buffers: `entries` holds [state, byte offset, width, height] by image, `cursor` the bytes in use.
 */
export interface PixelCache {
  readonly arena: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly cursor: SharedArrayBuffer;
}

const [empty, writing, ready] = [0, 1, 2];
/** Below this many bytes an image there is no use in a cache. */
const smallestShare = 512;
/** Our choice: an image may take this many times its equal share, as sizes vary; what comes too late is not kept. */
const shares = 4;

/** A cache of at most `megabytes` for `images` images, or undefined where so little would hold nothing. */
export function createPixelCache(images: number, megabytes: number): PixelCache | undefined {
  const bytes = Math.floor(Math.min(megabytes, 2047) * 2 ** 20);
  if (images === 0 || bytes / images < smallestShare) return undefined;
  return {
    // The system hands out pages as they are touched, so a small data set does not take the whole size.
    arena: new SharedArrayBuffer(bytes),
    entries: new SharedArrayBuffer(images * 16),
    cursor: new SharedArrayBuffer(4),
  };
}

/** A view of the image's pixels, or undefined when they are not (or not yet) there. */
export function readCache(cache: PixelCache, index: number): Pixels | undefined {
  const entries = new Int32Array(cache.entries, index * 16, 4);
  if (Atomics.load(entries, 0) !== ready) return undefined;
  const [width, height] = [entries[2]!, entries[3]!];
  return { data: new Uint8Array(cache.arena, entries[1]!, width * height * 3), width, height };
}

/** Keep a copy of the image if there is room and no other worker is keeping it. */
export function writeCache(cache: PixelCache, index: number, image: Pixels): void {
  const entries = new Int32Array(cache.entries, index * 16, 4);
  const size = image.width * image.height * 3;
  if (size > (shares * cache.arena.byteLength * 16) / cache.entries.byteLength) return;
  if (Atomics.compareExchange(entries, 0, empty!, writing!) !== empty) return;
  const offset = reserve(cache, size);
  // An image without room stays in state `writing` for good: nobody tries again.
  if (offset === undefined) return;
  new Uint8Array(cache.arena, offset, size).set(image.data);
  entries.set([offset, image.width, image.height], 1);
  Atomics.store(entries, 0, ready!);
}

function reserve(cache: PixelCache, size: number): number | undefined {
  const cursor = new Int32Array(cache.cursor);
  for (let used = Atomics.load(cursor, 0); used + size <= cache.arena.byteLength; ) {
    const seen = Atomics.compareExchange(cursor, 0, used, used + size);
    if (seen === used) return used;
    used = seen;
  }
  return undefined;
}
