import * as runtime from 'onnxruntime-web';
import type { AddressesByClass } from '../data/urlSource.ts';
import { imagesAt } from '../data/urlSource.ts';
import { deleteRun } from '../host/web/storageWeb.ts';
import { trainWeb } from '../run/training/trainWeb.ts';

/** What the bench asks of a worker in a tab: a run on photos that are served. */
export interface WebTrainTask {
  readonly photos: AddressesByClass;
  readonly model: string;
  readonly batch: number;
  readonly epochs: number;
  readonly imageSize: number;
  /** Whether web workers make the batches. */
  readonly workers: boolean;
}

export interface WebTrainTimes {
  /** Images a second of each epoch but the first, which decodes; and of that. */
  readonly rates: readonly number[];
  readonly firstRate: number;
  /** Share of the time in which steps waited for their batches, likewise. */
  readonly waits: readonly number[];
  readonly firstWait: number;
}

const worker = globalThis as unknown as {
  onmessage: (event: { readonly data: WebTrainTask }) => void;
  postMessage(answer: unknown): void;
};

worker.onmessage = async ({ data }) => {
  try {
    worker.postMessage({ answer: await timed(data) });
  } catch (error) {
    worker.postMessage({ error: (error as Error).stack ?? String(error) });
  }
};

async function timed({ photos, model, batch, epochs, imageSize, workers }: WebTrainTask): Promise<WebTrainTimes> {
  if (!workers) Reflect.deleteProperty(globalThis, 'Worker');
  const made = new Map<number, { images: number; seconds: number; waited: number }>();
  let before = performance.now();
  await deleteRun('bench');
  await trainWeb({
    data: await imagesAt(photos),
    model,
    out: 'bench',
    runtime,
    settings: {
      student: { imageSize },
      train: { epochs, batch, threads: 1, evalEvery: epochs, checkpointSeconds: 3600 },
    },
    onEvent: (event) => {
      if (event.type === 'runStart') before = performance.now();
      if (event.type !== 'step') return;
      const now = performance.now();
      const seconds = (now - before) / 1000;
      before = now;
      const epoch = made.get(event.epoch) ?? { images: 0, seconds: 0, waited: 0 };
      const waited = epoch.waited + event.dataWait * seconds;
      made.set(event.epoch, { images: epoch.images + batch, seconds: epoch.seconds + seconds, waited });
    },
  });
  const [first, ...rest] = [...made.values()];
  return {
    rates: rest.map(({ images, seconds }) => images / seconds),
    waits: rest.map(({ waited, seconds }) => waited / seconds),
    firstRate: first!.images / first!.seconds,
    firstWait: first!.waited / first!.seconds,
  };
}
