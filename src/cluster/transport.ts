/** Bytes of a note (`post`). Our choice: a line of text, and small enough that every MPI sends it without waiting for its reader. */
export const NOTE_BYTES = 256;

/**
 * What carries bytes between the ranks of a job. Every rank calls the same collectives in the same order, one at a time; each ends
 * when this rank's part of it has ended. Nothing is added up on the way: sums in an order of our own are what gives the same bits on
 * any number of ranks.
 */
export interface Transport {
  /** What it is, for people: the name and version of the library. */
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  /** Memory to send and receive in that it carries fastest; any other does too. */
  memory(bytes: number): Uint8Array;
  /** Slice j of `send` becomes slice `rank` of rank j's `into`; both are `size` slices of equal length. */
  alltoall(send: Uint8Array, into: Uint8Array): Promise<void>;
  /** What each rank sends becomes slice `rank` of everyone's `into`. */
  allgather(send: Uint8Array, into: Uint8Array): Promise<void>;
  /** The root's bytes become everyone's. */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  /** Ends when all have come. */
  barrier(): Promise<void>;
  /** Tells all others something of at most `NOTE_BYTES`, beside the collectives; nobody waits. */
  post(note: Uint8Array): void;
  /** The last note of a rank, where one has come. */
  posted(rank: number): Uint8Array | undefined;
  /** While this process computes, waiting must leave it its cores. */
  calm(on: boolean): void;
  /** Ends all ranks, this one too where the transport can. */
  abort(status: number): void;
  /** After the last collective; all ranks call it. */
  close(): Promise<void>;
}

/** The only rank of a process by itself. */
export const aloneTransport = (): Transport => ({
  name: 'one process',
  rank: 0,
  size: 1,
  memory: (bytes) => new Uint8Array(bytes),
  alltoall: async (send, into) => into.set(send),
  allgather: async (send, into) => into.set(send),
  broadcast: async () => undefined,
  barrier: async () => undefined,
  post: () => undefined,
  posted: () => undefined,
  calm: () => undefined,
  abort: () => undefined,
  close: async () => undefined,
});
