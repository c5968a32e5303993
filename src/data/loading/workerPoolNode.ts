import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { StartMessage, WorkerMessage, WorkerSetup } from './loaderShared.ts';
import { workerUrl } from '../workerUrlNode.ts';

type Receive = (message: WorkerMessage) => void;

export interface WorkerPool {
  /** Wait until `condition` holds, looked at now and after each message. Rejects when the pool fails. */
  until(condition: () => boolean): Promise<void>;
  start(message: StartMessage): void;
  /** Wait until no worker is in a stream. */
  idle(): Promise<void>;
  /** Make everything that waits, now or later, reject with `error`. The first error stays. */
  fail(error: Error): void;
  /** Ends the threads, after so many milliseconds where they are still in a stream. */
  close(patience?: number): Promise<void>;
}

/**
 * Threads that run loadWorkerNode. They keep the process alive only while someone waits for them.
 * Messages come through ports of our own, because those can be read without going back to the event loop: what a worker
 * said before it finished a batch is known when the batch is taken.
 */
export function createWorkerPool(setup: WorkerSetup, count: number, onMessage: Receive): WorkerPool {
  const gate = createGate();
  const members = Array.from({ length: count }, () => startWorker(setup));
  let [busy, waiting] = [0, 0];
  const receive = (message: WorkerMessage) => {
    if (message.kind === 'idle') busy--;
    onMessage(message);
  };
  for (const member of members) listen(member, gate, receive);

  async function until(condition: () => boolean): Promise<void> {
    if (waiting++ === 0) for (const { worker } of members) worker.ref();
    try {
      for (;;) {
        for (const { port } of members) drain(port, receive);
        gate.check();
        if (condition()) return;
        await gate.wait();
      }
    } finally {
      if (--waiting === 0) for (const { worker } of members) worker.unref();
    }
  }

  return {
    until,
    start(message) {
      busy += members.length;
      for (const { port } of members) port.postMessage(message);
    },
    idle: () => until(() => busy === 0),
    fail: gate.fail,
    async close(patience = 0) {
      gate.fail(new Error('Loader: closed'));
      for (const end = Date.now() + patience; busy > 0 && Date.now() < end; ) {
        for (const { port } of members) drain(port, receive);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await Promise.all(members.map(({ worker }) => worker.terminate()));
      for (const { port } of members) port.close();
    },
  };
}

interface Member {
  readonly worker: Worker;
  readonly port: MessagePort;
}

function startWorker(setup: WorkerSetup): Member {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(workerUrl(import.meta.url, 'loadWorkerNode'), {
    workerData: { setup, port: port2 },
    transferList: [port2],
  });
  return { worker, port: port1 };
}

function listen({ worker, port }: Member, gate: Gate, receive: Receive): void {
  port.on('message', (message: WorkerMessage) => {
    receive(message);
    gate.wake();
  });
  port.unref();
  worker.unref();
  worker.on('error', (error) =>
    gate.fail(new Error(`Loader: a worker crashed: ${(error as Error).message ?? error}`, { cause: error })),
  );
  // After close() the gate has failed already, and the first failure stays.
  worker.on('exit', (code) => gate.fail(new Error(`Loader: a worker ended early with code ${code}`)));
}

function drain(port: MessagePort, receive: Receive): void {
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) receive(got.message);
}

interface Gate {
  /** Throws once fail() was called. */
  check(): void;
  /** Resolves at the next wake() or fail(). */
  wait(): Promise<void>;
  wake(): void;
  fail(error: Error): void;
}

function createGate(): Gate {
  let failure: Error | undefined;
  let wakers: (() => void)[] = [];
  const wake = () => {
    const all = wakers;
    wakers = [];
    for (const waker of all) waker();
  };
  return {
    check() {
      if (failure) throw failure;
    },
    wait: () => new Promise((resolve) => wakers.push(resolve)),
    wake,
    fail(error) {
      failure ??= error;
      wake();
    },
  };
}
