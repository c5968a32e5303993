import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where teacher outputs are kept unless `teacher.store.dir` says otherwise. */
export const storeFolder = (dir: string | null = null): string =>
  dir ?? join(homedir(), '.cache', 'understudy', 'teacher-outputs');
