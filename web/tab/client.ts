import type { Question, Reply, Told } from './protocol.ts';
import type { Api } from './worker/api.ts';

type Answered<K extends keyof Api> = Promise<Awaited<ReturnType<Api[K]>>>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface Client {
  ask<K extends keyof Api>(name: K, ...args: Parameters<Api[K]>): Answered<K>;
  /** Gives these things away with the question: they are not copied. */
  give<K extends keyof Api>(things: Transferable[], name: K, ...args: Parameters<Api[K]>): Answered<K>;
}

/** A worker as functions. */
export function startWorker(told: (what: Told) => void, died: (reason: string) => void): Client {
  const worker = new Worker(new URL('./worker/worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let count = 0;
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    if ('told' in data) return told(data);
    const caller = waiting.get(data.id);
    waiting.delete(data.id);
    if ('error' in data) caller?.reject(new Error(data.error));
    else caller?.resolve(data.value);
  };
  worker.onerror = (event) => died(event.message ?? 'a part of the page did not load');
  const give: Client['give'] = (things, name, ...args) =>
    new Promise((resolve, reject) => {
      const id = ++count;
      waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      worker.postMessage({ id, name, args } satisfies Question, things);
    });
  return { give, ask: (name, ...args) => give([], name, ...args) };
}
