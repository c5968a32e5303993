import type { OnListing } from '../data/folders/listingNode.ts';
import { overwrite, remark } from './text.ts';

/** Milliseconds between two lines of progress where stderr is no terminal. */
const QUIET = 10_000;

/** Tells on stderr how far the listing of images is, where it takes longer than a second. On a terminal a line is written over. */
export function listingEvents(): OnListing {
  let told = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type === 'note') return remark(`note: ${event.message}`);
    const { place, images, folders, done } = event;
    const line = `listing ${place}: ${images} images in ${folders} folders`;
    if (process.stderr.isTTY) overwrite(line, done);
    else if (done || performance.now() - told > QUIET) {
      told = performance.now();
      remark(done ? `${line}, done` : line);
    }
  };
}
