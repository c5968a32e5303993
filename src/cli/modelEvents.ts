import type { OnModel } from '../run/models/reference.ts';
import { bytes, overwrite, remark } from './text.ts';

/** Milliseconds between two lines of progress where stderr is no terminal. */
const QUIET = 10_000;

/** Tells on stderr how far a download is and what was assumed about a model. On a terminal a line is written over. */
export function modelEvents(): OnModel {
  let [file, told] = ['', 0];
  return (event) => {
    if (event.type === 'note') return remark(`note: ${event.message}`);
    const line = `downloading ${event.file}: ${bytes(event.bytes)} of ${bytes(event.total)}`;
    const done = event.bytes === event.total;
    const now = performance.now();
    if (event.file === file && !done && now - told < (process.stderr.isTTY ? 100 : QUIET)) return;
    [file, told] = [event.file, now];
    if (process.stderr.isTTY) overwrite(line, done);
    else remark(line);
  };
}
