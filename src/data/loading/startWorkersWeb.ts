import type { Port } from './rowMessages.ts';
import { type RowWorkers, rowWorkers } from './rowWorkers.ts';

/** What is used of a web worker. */
interface WebWorker extends Port {
  terminate(): void;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
}

/** The parts of a worker's world that are used. */
interface Here {
  readonly Worker?: new (address: URL, options: { readonly type: 'module'; readonly name: string }) => WebWorker;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

export interface StartedWorkers extends RowWorkers {
  end(): void;
}

/** Our choice: as in Node, one less than the processor's threads, but no more than 4: the step has threads too. */
export const defaultWebWorkers = (): number =>
  Math.max(1, Math.min(4, ((globalThis as Here).navigator?.hardwareConcurrency ?? 1) - 1));

/**
 * Starts web workers that make rows of batches, beside the thread that trains.
 * @throws Error where workers cannot be started: there are none within workers, or their script is not where the library is.
 */
export async function startWorkersWeb(count: number): Promise<StartedWorkers> {
  if (!('Worker' in globalThis)) throw new Error('this browser has no workers within workers');
  const members = Array.from({ length: count }, (_, i) => {
    // Bundlers know this form, and make a script of the file that it names.
    const { Worker } = globalThis as unknown as Required<Here>;
    return new Worker(new URL('./loadWorkerWeb.js', import.meta.url), { type: 'module', name: `rows ${i}` });
  });
  const end = () => {
    for (const member of members) member.terminate();
  };
  try {
    await Promise.all(members.map(ready));
  } catch (error) {
    end();
    throw error;
  }
  const workers = rowWorkers(members);
  for (const member of members)
    member.onerror = (event) => {
      event.preventDefault();
      workers.fail(new Error(`Loader: a worker crashed: ${event.message ?? 'no reason given'}`));
    };
  return { ...workers, end };
}

const ready = (worker: WebWorker): Promise<void> =>
  new Promise((done, failed) => {
    worker.onmessage = () => done();
    worker.onerror = (event) => {
      event.preventDefault();
      failed(new Error(event.message ?? 'the script of a worker was not found, or not allowed'));
    };
  });
