import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where decoded images are kept unless `data.cacheDir` says otherwise. */
export const imageCacheFolder = (dir: string | null = null): string =>
  dir ?? join(homedir(), '.cache', 'understudy', 'decoded-images');
