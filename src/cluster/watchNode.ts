import type { Watch } from './ranks.ts';
import { NOTE_BYTES, type Transport } from './transport.ts';

export interface WatchOptions {
  readonly transport: Pick<Transport, 'rank' | 'size' | 'post' | 'posted'>;
  readonly hosts: readonly string[];
  /** After so many seconds a rank that others wait for is named. */
  readonly lateSeconds: number;
  /** After so many the job ends. */
  readonly limitSeconds: number;
  readonly tell: (message: string) => void;
  /** Ends the job. */
  readonly end: (message: string) => void;
}

/** Our choice: how long those that wait may take to say so before the others are late, at most; and the part of `lateSeconds`. */
const [GRACE_SECONDS, GRACE_PART] = [5, 0.5];

/** What a rank says of itself, at the beginning of a note; the rest is for who looks at the wire. */
const [WAITS, GOES_ON] = [1, 2];

/**
 * Names who is late. A rank that has waited for `lateSeconds` tells all others that it waits, and when that wait ends, that it does no
 * more; who does not say that it waits within a grace is late, since it does something else, or nothing. (It may wait one collective
 * before the others: who waits for a late rank may have had the last of it to go on.) The lowest of those who wait speaks.
 */
export function watchRanks(options: WatchOptions): Watch {
  const { lateSeconds } = options;
  const every = Math.min(1000, (lateSeconds * 1000) / 4);
  return {
    waits: (number, what) => {
      const wait = new Wait(options, number, what);
      const timer = setInterval(() => wait.look(), every);
      // It keeps nobody alive: the wait itself does.
      timer.unref();
      return () => {
        clearInterval(timer);
        wait.ended();
      };
    },
  };
}

class Wait {
  readonly #options: WatchOptions;
  readonly #number: number;
  readonly #what: string;
  readonly #began = performance.now();
  #posted: number | undefined;
  /** The late ranks that were told. */
  #told: string | undefined;

  constructor(options: WatchOptions, number: number, what: string) {
    this.#options = options;
    this.#number = number;
    this.#what = what;
  }

  look(): void {
    const { lateSeconds, limitSeconds, transport, tell, end } = this.#options;
    const seconds = this.#seconds();
    if (seconds < lateSeconds) return;
    if (this.#posted === undefined) {
      transport.post(noteOf(WAITS, `${this.#number} ${this.#what}`));
      this.#posted = seconds;
    }
    const grace = Math.min(GRACE_SECONDS, lateSeconds * GRACE_PART);
    if (seconds < this.#posted + grace) return;
    const late = this.#late();
    const first = Array.from({ length: transport.size }, (_, rank) => rank).find((rank) => !late.includes(rank));
    if (first !== transport.rank) {
      // Whoever should speak may be gone, too.
      if (seconds > limitSeconds + 2 * grace) end(this.#message(late, seconds));
      return;
    }
    const who = late.join(' ');
    if (who !== this.#told) tell(`${this.#message(late, seconds)}; the job ends after ${limitSeconds} s`);
    this.#told = who;
    if (seconds > limitSeconds) end(`${this.#message(late, seconds)}, which is the limit`);
  }

  ended(): void {
    if (this.#posted !== undefined) this.#options.transport.post(noteOf(GOES_ON, `${this.#number} ${this.#what}`));
    if (this.#told !== undefined)
      this.#options.tell(`all ranks have come to "${this.#what}" after ${this.#seconds().toFixed(1)} s`);
  }

  /** The ranks that do not say that they wait. */
  #late(): number[] {
    const { transport } = this.#options;
    return Array.from({ length: transport.size }, (_, rank) => rank).filter(
      (rank) => rank !== transport.rank && transport.posted(rank)?.[0] !== WAITS,
    );
  }

  #message(late: readonly number[], seconds: number): string {
    const { hosts } = this.#options;
    if (late.length === 0)
      return `all ranks wait since ${seconds.toFixed(0)} s at "${this.#what}", so the network between them is at fault`;
    const names = late.map((rank) => `rank ${rank} on ${hosts[rank] ?? 'an unknown machine'}`);
    return `${names.join(', ')} ${late.length === 1 ? 'is' : 'are'} late: the others wait since ${seconds.toFixed(0)} s at "${this.#what}"`;
  }

  #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }
}

const noteOf = (state: number, what: string): Uint8Array =>
  Uint8Array.of(state, ...new TextEncoder().encode(what)).subarray(0, NOTE_BYTES);
