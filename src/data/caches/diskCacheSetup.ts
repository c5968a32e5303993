/** Decoded images on the disk, shared by workers and runs. */
export interface DiskCacheSetup {
  readonly dir: string;
  readonly maxBytes: number;
  /** Float64 [1] of the bytes in use, as all workers of a loader count them: a lost count costs a few bytes, no more. */
  readonly used: SharedArrayBuffer;
  /** The file that says which shards this loader uses (diskHoldsNode.ts). */
  readonly hold: string;
  /** So many bytes of the disk stay free. */
  readonly spareBytes: number;
}
