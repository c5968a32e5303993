import { decodeWeb } from '../../data/images/decodeWeb.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import type { Loader, LoaderOptions } from '../../data/loading/loader.ts';
import { plainLoader, type ReadPixels } from '../../data/loading/plainLoader.ts';
import { rowLoader } from '../../data/loading/rowLoader.ts';
import { defaultWebWorkers, startWorkersWeb } from '../../data/loading/startWorkersWeb.ts';
import { readSource } from '../../data/readSource.ts';

export interface LoadersWeb {
  readonly loader: (options: LoaderOptions) => Loader;
  /** A decoded image, by this thread. */
  readonly read: ReadPixels;
  /** Why batches are made without workers. */
  readonly note: string | undefined;
  end(): void;
}

/** Batches of a page's images, by web workers; where none can be started, by this thread. */
export async function loadersWeb(source: ImageSource, workers: number | 'auto'): Promise<LoadersWeb> {
  const read = (id: string) => readSource(source, id, decodeWeb);
  try {
    const started = await startWorkersWeb(workers === 'auto' ? defaultWebWorkers() : workers);
    const loader = (options: LoaderOptions) => rowLoader(options, source, started);
    return { loader, read, note: undefined, end: () => started.end() };
  } catch (error) {
    const note = `Batches are made by the thread that trains: ${(error as Error).message}`;
    return { loader: (options) => plainLoader(options, read), read, note, end: () => undefined };
  }
}
