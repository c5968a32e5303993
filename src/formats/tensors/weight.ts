export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
