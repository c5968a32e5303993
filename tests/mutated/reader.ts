import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Kind } from './seeds.ts';

export interface Job {
  readonly kind: Kind;
  readonly folder: string;
  readonly files: readonly string[];
  /** Whether images are read as in training. */
  readonly train: boolean;
}

/** What came of a file. `bad`: an image that it names or holds could not be read. */
export interface Outcome {
  readonly file: string;
  readonly state: 'read' | 'refused' | 'bad' | 'crashed';
  readonly message?: string;
  readonly ms?: number;
  /** Processor time for it, and the most memory that the process had so far, bytes. */
  readonly cpuMs?: number;
  readonly peak?: number;
}

export interface Held {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

export interface Answer {
  readonly outcomes: readonly Outcome[];
  /** Images that could be read out of tables and shards. */
  readonly images: number;
  /** Bytes of the process after the job, and the most that it ever had. */
  readonly held: Held;
  readonly peak: number;
  /** Why the job did not come to its end, and at which file, where that is known. */
  readonly broken?: { readonly why: string; readonly file: string | undefined };
}

type Message = Partial<Outcome> & {
  readonly begin?: string;
  readonly ready?: true;
  readonly alive?: true;
  readonly done?: true;
  readonly failed?: string;
  readonly images?: number;
  readonly held?: Held;
  readonly peak?: number;
};

const script = fileURLToPath(new URL('./readFiles.mjs', import.meta.url));

/** A process that reads files. After it broke down, the next job gets a new one. */
export class Reader {
  #child: ChildProcess | undefined;
  #stderr = '';
  readonly #cwd: string;
  readonly #limit: number;

  /** @param limit milliseconds that a file may take */
  constructor(cwd: string, limit: number) {
    this.#cwd = cwd;
    this.#limit = limit;
  }

  async ask(job: Job): Promise<Answer> {
    const child = await this.#start();
    const outcomes: Outcome[] = [];
    let [images, at]: [number, string | undefined] = [0, undefined];
    return new Promise((resolve) => {
      const end = (memory: Pick<Answer, 'held' | 'peak'>, why?: string) => {
        clearTimeout(watch);
        child.removeAllListeners();
        if (why !== undefined) this.close();
        resolve({ outcomes, images, ...memory, ...(why !== undefined && { broken: { why, file: at } }) });
      };
      const none = { held: { rss: 0, heapUsed: 0, external: 0 }, peak: 0 };
      const hung = () => end(none, `hung: nothing for ${this.#limit / 1000} s`);
      let watch = setTimeout(hung, this.#limit);
      child.on('message', (message: Message) => {
        clearTimeout(watch);
        watch = setTimeout(hung, this.#limit);
        if (message.begin !== undefined) at = message.begin;
        if (message.state) outcomes.push(message as Outcome);
        if (message.state && message.state !== 'bad') at = undefined;
        images += message.images ?? 0;
        if (message.done) end({ held: message.held ?? none.held, peak: message.peak ?? 0 }, message.failed);
      });
      child.on('exit', (status, signal) =>
        end(none, `the process ended (${signal ?? status}): ${this.#stderr.slice(-2000)}`),
      );
      child.send(job);
    });
  }

  close(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  /** What the process wrote on stderr; a reader of damaged files has nothing to say there. */
  get stderr(): string {
    return this.#stderr;
  }

  async #start(): Promise<ChildProcess> {
    if (this.#child) return this.#child;
    const child = fork(script, {
      cwd: this.#cwd,
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error(`the reader does not start: ${this.#stderr}`)));
    });
    child.removeAllListeners();
    return child;
  }
}
