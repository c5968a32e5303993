/** A feature to be kept. */
export interface ColumnSpec {
  /** As the program calls it. */
  readonly name: string;
  /** Numbers an image. */
  readonly length: number;
  /** All that its values depend on besides image and view: weights, graph, how views are made. Their digest is its address. */
  readonly of: readonly (string | Uint8Array)[];
}

/** What a teacher said about images and their views, kept. */
export interface Outputs {
  /** Digest of all that its values depend on besides image and view. */
  readonly address: string;
  /** Whether it is there; then `into` has it. */
  read(name: string, image: number, view: number, into: Float32Array): boolean;
  /** Keeps values and gives them back as they will be read. */
  write(name: string, image: number, view: number, values: Float32Array): Float32Array;
  /** Which share of `images` x `views` records of all columns is there, 0 to 1, and what the rest will take. */
  forecast(images: Iterable<number>, views: number): { readonly stored: number; readonly bytes: number };
  /** Makes what was kept visible to other processes. */
  flush(): void;
  /** Looks for what other processes have kept since. */
  refresh(): void;
  close(): void;
}
