import { internal, MachineError, UserError } from '../graph/errors.ts';
import { largest } from '../graph/lists.ts';
import { aloneTransport, type Transport } from './transport.ts';

/** Looks at the clock while a rank waits for the others. */
export interface Watch {
  /** A wait begins; what is given ends it. */
  waits(number: number, what: string): () => void;
}

const NO_WATCH: Watch = { waits: () => () => undefined };

export interface RanksOptions {
  readonly hosts?: readonly string[];
  readonly watch?: Watch;
  readonly sharing?: number;
}

/** What rank 0 has to say: nothing, bytes, or an error. */
const [NOTHING, BYTES, FAILED] = [0, 1, 2];

/**
 * The ranks of a job as a run uses them. Every rank goes through the same calls in the same order; with one rank all of them
 * are that rank's own answer, so a run needs not know how many there are.
 */
export class Ranks {
  readonly rank: number;
  readonly size: number;
  /** The machine of each rank. */
  readonly hosts: readonly string[];
  /** Ranks that share the cores of this one. */
  readonly sharing: number;
  /** What carries the bytes, in words. */
  readonly name: string;
  /** Where in its work this rank is, for messages. */
  at = 'the start';
  readonly #transport: Transport;
  readonly #watch: Watch;
  #number = 0;
  #waits: string | undefined;

  constructor(transport: Transport, { hosts = [], watch = NO_WATCH, sharing = 1 }: RanksOptions = {}) {
    this.#transport = transport;
    this.#watch = watch;
    this.sharing = sharing;
    this.rank = transport.rank;
    this.size = transport.size;
    this.name = transport.name;
    this.hosts = hosts;
  }

  get alone(): boolean {
    return this.size === 1;
  }

  /** Whether it is the one that writes. */
  get first(): boolean {
    return this.rank === 0;
  }

  /** Whether some rank says so. */
  async some(what: string, flag: boolean): Promise<boolean> {
    return (await this.most(what, flag ? 1 : 0)) > 0;
  }

  /** The largest number, 0 to 255, of those that the ranks give. */
  async most(what: string, number: number): Promise<number> {
    if (this.alone) return number;
    const all = new Uint8Array(this.size);
    await this.collect(what, Uint8Array.of(number), all);
    return largest(all);
  }

  /** What each rank gives, of any length. */
  async gather(what: string, bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    if (this.alone) return [bytes];
    const counts = new Float64Array(this.size);
    await this.collect(what, bytesOf(Float64Array.of(bytes.length)), bytesOf(counts));
    const longest = largest(counts);
    const [padded, all] = [new Uint8Array(longest), new Uint8Array(longest * this.size)];
    padded.set(bytes);
    if (longest > 0) await this.collect(what, padded, all);
    return Array.from(counts, (count, rank) => all.slice(rank * longest, rank * longest + count));
  }

  /** A value that JSON has, of each rank. */
  async gatherValues<T>(what: string, value: T): Promise<readonly T[]> {
    const all = await this.gather(what, new TextEncoder().encode(JSON.stringify(value)));
    return all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as T);
  }

  /** What rank 0 reads, or its error, on all of them; the others do not read. */
  async readFirst(what: string, read: () => Promise<Uint8Array | undefined>): Promise<Uint8Array | undefined> {
    if (this.alone) return read();
    const made = this.first ? await attempt(read) : undefined;
    const head = new Float64Array(2);
    if (made) head.set([made.kind, made.bytes.length]);
    await this.spread(what, bytesOf(head));
    const bytes = made?.bytes ?? new Uint8Array(head[1]!);
    if (bytes.length > 0) await this.spread(what, bytes);
    if (made?.error) throw made.error;
    if (head[0] === FAILED) throw toldError(bytes);
    return head[0] === NOTHING ? undefined : bytes;
  }

  /** What rank 0 makes of JSON, or its error, on all of them; the others do not make it. */
  async onFirst<T>(what: string, make: () => Promise<T>): Promise<T> {
    if (this.alone) return make();
    const bytes = await this.readFirst(what, async () =>
      new TextEncoder().encode(JSON.stringify((await make()) ?? null)),
    );
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  }

  /** Memory that is carried fastest. */
  memory(floats: number): Float32Array {
    return new Float32Array(this.#transport.memory(4 * floats).buffer as ArrayBuffer);
  }

  /** `Transport.alltoall`, watched. */
  exchange(what: string, send: Uint8Array, into: Uint8Array): Promise<void> {
    return this.#through(what, () => this.#transport.alltoall(send, into));
  }

  /** `Transport.allgather`, watched. */
  collect(what: string, send: Uint8Array, into: Uint8Array): Promise<void> {
    return this.#through(what, () => this.#transport.allgather(send, into));
  }

  /** `Transport.broadcast` from rank 0, watched. */
  spread(what: string, bytes: Uint8Array): Promise<void> {
    return this.#through(what, () => this.#transport.broadcast(bytes, 0));
  }

  /** While this rank computes beside a wait. */
  calm(on: boolean): void {
    this.#transport.calm(on);
  }

  /** Ends when all have ended their work; nobody is late here. */
  async close(): Promise<void> {
    await this.#transport.barrier();
    await this.#transport.close();
  }

  /** Ends all ranks. */
  abort(status: number): void {
    this.#transport.abort(status);
  }

  async #through(what: string, call: () => Promise<void>): Promise<void> {
    if (this.alone) return call();
    if (this.#waits !== undefined) throw internal(`ranks: ${what} while ${this.#waits} goes on`);
    this.#waits = what;
    const end = this.#watch.waits(this.#number++, `${this.at}: ${what}`);
    try {
      await call();
    } finally {
      end();
      this.#waits = undefined;
    }
  }
}

/** A process by itself. */
export const alone = (): Ranks => new Ranks(aloneTransport());

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array | Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

interface Attempt {
  readonly kind: number;
  readonly bytes: Uint8Array;
  readonly error?: unknown;
}

async function attempt(read: () => Promise<Uint8Array | undefined>): Promise<Attempt> {
  try {
    const bytes = await read();
    return bytes ? { kind: BYTES, bytes } : { kind: NOTHING, bytes: new Uint8Array(0) };
  } catch (error) {
    const kind = error instanceof MachineError ? 'machine' : error instanceof UserError ? 'user' : 'other';
    const told = JSON.stringify({ kind, message: (error as Error).message });
    return { kind: FAILED, bytes: new TextEncoder().encode(told), error };
  }
}

function toldError(bytes: Uint8Array): Error {
  const { kind, message } = JSON.parse(new TextDecoder().decode(bytes)) as { kind: string; message: string };
  if (kind === 'machine') return new MachineError(message);
  return kind === 'user' ? new UserError(message) : new Error(message);
}
