import type { Device, TryAnswer, TryQuestion, TryReply } from './protocol.ts';

type Waiting = { readonly done: (answer: TryAnswer) => void; readonly failed: (error: Error) => void };

/** Models in workers of their own, one for each device, so that the page stays smooth. */
export class Asking {
  readonly #workers = new Map<Device, Worker>();
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;

  async ask({ picture, ...question }: TryQuestion): Promise<TryAnswer> {
    const copy = await createImageBitmap(picture);
    const id = ++this.#ids;
    return new Promise((done, failed) => {
      this.#waiting.set(id, { done, failed });
      this.#worker(question.device).postMessage({ id, question: { ...question, picture: copy } }, [copy]);
    });
  }

  close(): void {
    for (const worker of this.#workers.values()) worker.terminate();
    this.#workers.clear();
  }

  #worker(device: Device): Worker {
    const known = this.#workers.get(device);
    if (known) return known;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data: { id, answer, error } }: MessageEvent<TryReply>) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (answer) waiting?.done(answer);
      else waiting?.failed(new Error(error));
    };
    worker.onerror = ({ message }) => {
      for (const { failed } of this.#waiting.values()) failed(new Error(message || 'the worker did not start'));
      this.#waiting.clear();
    };
    this.#workers.set(device, worker);
    return worker;
  }
}

/** The largest difference of a probability between two answers. */
export function furthest(a: TryAnswer, b: TryAnswer): number {
  const other = new Map(b.all.map(({ class: name, probability }) => [name, probability]));
  return a.all.reduce(
    (most, { class: name, probability }) => Math.max(most, Math.abs(probability - (other.get(name) ?? 0))),
    0,
  );
}
