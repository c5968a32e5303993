import type { DType } from '../graph/tensor.ts';
import type { HostArray } from './contract.ts';

/** A tensor in shared memory under the name of its port. */
export interface LanePort {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: HostArray;
}

/** What a lane is asked; each request has one reply, in their order. */
export type LaneRequest =
  | { readonly kind: 'compile'; readonly session: number; readonly model: Uint8Array; readonly threads: number }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: readonly LanePort[];
      readonly into: readonly LanePort[];
    }
  | { readonly kind: 'dispose'; readonly session: number };

export interface LaneReply {
  readonly error?: string;
}
