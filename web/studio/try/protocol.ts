import type { ClassProbability } from 'understudy/browser';

export type Device = 'wasm' | 'webgpu';

export interface TryQuestion {
  readonly device: Device;
  /** Address of the model's files. */
  readonly folder: string;
  /** Used up. */
  readonly picture: ImageBitmap;
  /** How often it is measured, besides the first time. */
  readonly times: number;
}

export interface TryAnswer {
  /** All classes, the most probable first. */
  readonly all: readonly ClassProbability[];
  /** Milliseconds until the first answer: with loading and compiling where that was not done yet. */
  readonly first: number;
  readonly median: number;
}

export interface TryReply {
  readonly id: number;
  readonly answer?: TryAnswer;
  readonly error?: string;
}
