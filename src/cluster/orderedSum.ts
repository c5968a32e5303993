import type { Ranks } from './ranks.ts';
import { type Wire, type WireName, wireOf } from './wire.ts';

/** What a micro-batch gave. */
export interface MicroResult {
  /** Told to all ranks whole: the loss, its terms, statistics. */
  readonly head: Float32Array;
  /** Summed: its gradients, one after the other. */
  readonly vectors: readonly Float32Array[];
}

/** Told the head of each micro-batch of an update, in their order, on every rank. */
export type TellHead = (micro: number, head: Float32Array) => void;

export interface SumSizes {
  /** Numbers of a head. */
  readonly head: number;
  /** Lengths of the vectors. */
  readonly vectors: readonly number[];
  /** Micro-batches that a rank computes beside each other. */
  readonly lanes: number;
  /** How vectors and sums travel. Default: as they are. */
  readonly wire?: WireName;
}

/**
 * Sums vectors of the micro-batches of an update in the order of the micro-batches, whoever computed them, so that the sums have the
 * same bits on any number of ranks and lanes (an MPI_Allreduce adds in an order that its algorithm, the sizes and the number of
 * ranks decide). Each rank is sent its slice of every micro-batch's vectors, adds the slices, and all gather the sums: the bytes
 * on the wire are those of a ring's.
 *
 * Where they travel rounded, each micro-batch's vectors are rounded before they are added, in float32, and so are the sums; the blocks
 * that share a scale are counted from the first number of all, whichever rank has them, and a rank alone rounds alike. So the bits are
 * others than those of numbers that travel as they are, and the same on any number of ranks.
 *
 * Micro-batches come in rounds: of a round, rank r computes the `lanes` ones from `r * lanes` on.
 */
export class OrderedSum {
  readonly #ranks: Ranks;
  readonly #sizes: SumSizes;
  readonly #wire: Wire;
  /** Nothing is sent, and nothing rounded. */
  readonly #direct: boolean;
  /** Numbers of a slice; the last rank's is filled up with zeros. */
  readonly #slice: number;
  /** 4-byte words of a slice on its way. */
  readonly #words: number;
  /** This rank's slice of the sums; where nothing is sent, all of them. */
  readonly #sum: Float32Array;
  readonly #sums: Float32Array;
  /** A slice of the vectors, before it is rounded. */
  readonly #part: Float32Array;
  readonly #send: Float32Array;
  readonly #got: Float32Array;
  readonly #sumSent: Float32Array;
  readonly #sumsGot: Float32Array;

  constructor(ranks: Ranks, sizes: SumSizes) {
    const { head, vectors, lanes, wire = 'fp32' } = sizes;
    this.#ranks = ranks;
    this.#sizes = sizes;
    this.#wire = wireOf(wire);
    const { block, exact } = this.#wire;
    this.#direct = ranks.alone && exact;
    const total = vectors.reduce((sum, length) => sum + length, 0);
    this.#slice = Math.ceil(total / ranks.size / block) * block;
    this.#words = this.#wire.words(this.#slice);
    this.#sums = ranks.memory(this.#slice * ranks.size);
    this.#sum = this.#direct ? this.#sums : ranks.memory(this.#slice);
    this.#part = new Float32Array(exact ? 0 : this.#slice);
    const sent = this.#direct ? 0 : ranks.size * lanes * (head + this.#words);
    this.#send = ranks.memory(sent);
    this.#got = ranks.memory(sent);
    // Numbers that travel as they are need no other place than their own.
    this.#sumSent = exact ? this.#sum : ranks.memory(this.#words);
    this.#sumsGot = exact ? this.#sums : ranks.memory(this.#words * ranks.size);
  }

  /** Before the first round of an update. */
  begin(): void {
    this.#sum.fill(0);
  }

  /**
   * Adds the micro-batches of a round, of which this rank computed `mine`; the first is `from`, and `count` are left with it. What is
   * given has been read when this returns; the promise ends when the round is added.
   */
  add(mine: readonly MicroResult[], from: number, count: number, tell: TellHead): Promise<void> {
    if (this.#direct) return this.#addOwn(mine, from, tell);
    this.#pack(mine);
    return this.#addAll(from, count, tell);
  }

  /** After the last round: the sums, which are good until the next update. */
  async ended(): Promise<readonly Float32Array[]> {
    if (!this.#direct) await this.#collect();
    let at = 0;
    return this.#sizes.vectors.map((length) => {
      at += length;
      return this.#sums.subarray(at - length, at);
    });
  }

  async #collect(): Promise<void> {
    if (!this.#wire.exact) this.#wire.pack(this.#sum, this.#sumSent);
    await this.#ranks.collect('the sums of the gradients', bytes(this.#sumSent), bytes(this.#sumsGot));
    if (!this.#wire.exact) this.#wire.unpack(this.#sumsGot, this.#sums);
  }

  async #addOwn(mine: readonly MicroResult[], from: number, tell: TellHead): Promise<void> {
    for (const [lane, { head, vectors }] of mine.entries()) {
      tell(from + lane, head);
      let at = 0;
      for (const vector of vectors) {
        this.#wire.addTo(this.#sum.subarray(at, at + vector.length), vector);
        at += vector.length;
      }
    }
  }

  /** By rank that is sent to and by lane: the head, and that rank's slice of the vectors. */
  #pack(mine: readonly MicroResult[]): void {
    const { head: H, lanes } = this.#sizes;
    for (let to = 0; to < this.#ranks.size; to++)
      for (const [lane, { head, vectors }] of mine.entries()) {
        const at = (to * lanes + lane) * (H + this.#words);
        this.#send.set(head, at);
        const place = this.#send.subarray(at + H, at + H + this.#words);
        const part = this.#wire.exact ? place : this.#part;
        copySlice(vectors, to * this.#slice, part);
        if (part !== place) this.#wire.pack(part, place);
      }
  }

  async #addAll(from: number, count: number, tell: TellHead): Promise<void> {
    const { head: H, lanes } = this.#sizes;
    await this.#ranks.exchange('the gradients of the others', bytes(this.#send), bytes(this.#got));
    const there = Math.min(count, this.#ranks.size * lanes);
    for (let place = 0; place < there; place++) {
      const at = place * (H + this.#words);
      tell(from + place, this.#got.subarray(at, at + H));
      this.#wire.addTo(this.#sum, this.#got.subarray(at + H, at + H + this.#words));
    }
  }
}

/** The micro-batches of an update that a rank computes, in their order. */
export function microsOf({ rank, size }: Pick<Ranks, 'rank' | 'size'>, lanes: number, accumulate: number): number[] {
  const round = size * lanes;
  return Array.from({ length: accumulate }, (_, micro) => micro).filter(
    (micro) => Math.floor((micro % round) / lanes) === rank,
  );
}

/** The part of vectors that lie one after the other that begins at `from` and is as long as `into`; zeros beyond their end. */
function copySlice(vectors: readonly Float32Array[], from: number, into: Float32Array): void {
  let start = 0;
  for (const vector of vectors) {
    const [first, end] = [Math.max(from - start, 0), Math.min(from + into.length - start, vector.length)];
    if (first < end) into.set(vector.subarray(first, end), start + first - from);
    start += vector.length;
  }
  into.fill(0, Math.max(start - from, 0));
}

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
