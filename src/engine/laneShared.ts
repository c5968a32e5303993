import type { TensorType } from '../graph/tensor.ts';
import type { HostArray } from './contract.ts';

/** A tensor in shared memory under the name of its port. */
export interface LanePort extends TensorType {
  readonly name: string;
  readonly values: HostArray;
}

/** An output that is wanted, and what it was written into the last time: memory to use again. */
export interface LaneTarget extends TensorType {
  readonly name: string;
  readonly room: ArrayBuffer | undefined;
}

/** What a lane is asked; each request has one reply, in their order. */
export type LaneRequest =
  | { readonly kind: 'compile'; readonly session: number; readonly model: Uint8Array; readonly threads: number }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: readonly LanePort[];
      readonly into: readonly LaneTarget[];
    }
  | { readonly kind: 'dispose'; readonly session: number };

export interface LaneReply {
  readonly error?: string;
  /** Of a run, also of one that failed: the memory of its outputs, in the order of `into`. */
  readonly found?: readonly ArrayBuffer[];
}
