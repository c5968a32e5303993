/*
 * What decoding may take. A file of some kilobytes can ask for gigabytes and minutes, so pixels, the memory of all decodes
 * together, and time have limits, here alone.
 */

/** Our choice: pixels of one image (134 megapixels): the largest photographs that cameras make in one shot fit, and 400 MB. */
export const MOST_PIXELS = 2 ** 27;

/** Our choice: up to here (8 megapixels) images do not count in the budget: so many are in hand at a time, and no more. */
export const FREE_PIXELS = 2 ** 23;

/** Our choice: seconds that one decode may take; images within the limits take a tenth of it. */
export const MOST_SECONDS = 30;

/**
 * Our choice: a progressive JPEG goes over its pixels once a scan. Encoders write about ten; with 100 and many pixels a
 * small file takes minutes.
 */
export const MOST_SCANNED = 2 ** 31;

/** A decode that was given up. */
export class TooLate extends Error {}

/** How the decoder says that it ended itself, after wall time. */
const ENDED_ITSELF = /^timeout: \d+% complete/;

/**
 * What `start` gives, or TooLate. Time is counted in ticks while this process runs: one that was stopped for an hour has lost one
 * tick. The decoder, which counts that hour, ends itself (decodeNode.ts); with ticks left it is started again.
 */
export async function inTime<T>(start: () => Promise<T>, seconds: number): Promise<T> {
  const ticks = 20;
  let left = ticks;
  let timer: ReturnType<typeof setInterval> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(
      () => {
        if (--left <= 0) reject(new TooLate(`an image that is not decoded after ${seconds} seconds`));
      },
      (1000 * seconds) / ticks,
    );
  });
  const work = async (): Promise<T> => {
    for (;;)
      try {
        return await start();
      } catch (error) {
        if (left <= 0 || !ENDED_ITSELF.test((error as Error).message)) throw error;
      }
  };
  return Promise.race([work(), late]).finally(() => clearInterval(timer));
}
