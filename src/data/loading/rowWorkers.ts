import type { MadeRows, Port, RowAnswer, RowOrder, RowTask } from './rowMessages.ts';

/** What workers are asked through, by all loaders of a run. */
export interface RowWorkers {
  readonly count: number;
  /** Tells all workers of a loader; gives its number. */
  open(task: RowTask): number;
  make(worker: number, order: Omit<Extract<RowOrder, { kind: 'make' }>, 'kind' | 'job'>): Promise<MadeRows>;
  /** Workers forget a loader's images. */
  close(loader: number): void;
  /** Whatever is waited for, now or later, fails. */
  fail(error: Error): void;
}

interface Waiting {
  readonly done: (made: MadeRows) => void;
  readonly failed: (error: Error) => void;
}

/** Workers that are ready, by their ports. */
export function rowWorkers(ports: readonly Port[]): RowWorkers {
  const waiting = new Map<number, Waiting>();
  let [loaders, jobs] = [0, 0];
  let failure: Error | undefined;
  const take = (job: number): Waiting | undefined => {
    const found = waiting.get(job);
    waiting.delete(job);
    return found;
  };
  const hear = (answer: RowAnswer): void => {
    if (answer.kind === 'made') take(answer.job)?.done(answer);
    if (answer.kind === 'failed') take(answer.job)?.failed(new Error(`Loader: a worker: ${answer.reason}`));
  };
  for (const port of ports) port.onmessage = ({ data }) => hear(data as RowAnswer);
  const post = (port: Port, order: RowOrder) => port.postMessage(order, []);
  return {
    count: ports.length,
    open: (task) => {
      const loader = loaders++;
      for (const port of ports) post(port, { kind: 'open', loader, task });
      return loader;
    },
    make: (worker, order) =>
      new Promise((done, failed) => {
        if (failure) return failed(failure);
        const job = jobs++;
        waiting.set(job, { done, failed });
        return post(ports[worker]!, { kind: 'make', job, ...order });
      }),
    close: (loader) => {
      for (const port of ports) post(port, { kind: 'close', loader });
    },
    fail: (error) => {
      failure ??= error;
      for (const job of [...waiting.keys()]) take(job)!.failed(failure);
    },
  };
}
