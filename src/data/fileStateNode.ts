import { statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** Our choice: clocks of file systems tick in steps of up to 10 ms; a younger file could change again without a trace. */
const YOUNG_MS = 100;
/** Some keep whole seconds alone. */
const YOUNG_IN_SECONDS_MS = 2000;

/** What a file or folder is, as far as its disk tells without reading it. */
export interface FileState {
  /** What it is, whatever path leads to it. */
  readonly identity: string;
  /**
   * Changes with its contents: number, size and both times. Programs that copy (rsync -t, cp -p, tar) set the time of the contents
   * back, never the time of change. Every cache of files has this in its key.
   */
  readonly state: string;
  /** Whether it could change again without another state. */
  readonly young: boolean;
}

/** Throws where nothing is there. */
export function fileState(path: string): FileState {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const whole = mtimeNs % 1_000_000_000n === 0n && ctimeNs % 1_000_000_000n === 0n;
  const age = Date.now() - Number(ctimeNs / 1_000_000n);
  return {
    identity: `${dev}:${ino}`,
    state: [ino, size, mtimeNs, ctimeNs].join(' '),
    young: age < (whole ? YOUNG_IN_SECONDS_MS : YOUNG_MS),
  };
}

/** The same, once it is old enough for its next change to be seen. */
export async function settledState(path: string): Promise<FileState> {
  const now = fileState(path);
  if (!now.young) return now;
  // A clock that runs behind the file's would have it young for ever: what it says then is taken.
  await setTimeout(YOUNG_MS);
  const then = fileState(path);
  if (!then.young) return then;
  await setTimeout(YOUNG_IN_SECONDS_MS);
  return fileState(path);
}
