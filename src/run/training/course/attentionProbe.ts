import { attentionDistance } from '../../../analysis/attention.ts';
import type { Loader } from '../../../data/loading/loader.ts';
import { subset } from '../../../data/dataset.ts';
import type { Compiled, EngineTensor } from '../../../engine/contract.ts';
import type { Platform } from '../../../host/host.ts';
import { oneOf } from '../../../models/index.ts';
import { UserError } from '../../../graph/errors.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { liveFeatures } from '../../../program/evalProgram.ts';
import { closeProgram, type Program } from '../../../program/program.ts';
import type { Vector } from '../../../program/state.ts';
import type { TrainState } from '../../../train/trainState.ts';
import type { RunParts } from '../stage/spec.ts';
import { evalBatches, transformOf } from '../../datasets/loaders.ts';

/** Our choice, as `inspect`: so many validation images, drawn with a fixed seed, tell the mean of a head well enough. */
const IMAGES = 200;

/**
 * Refuses attention distances of a student that has no attention, and between evaluations.
 * @throws UserError
 */
export function checkAttentionProbe({ settings: { train }, student }: RunParts): void {
  const every = train.attentionDistanceEvery;
  if (every === null) return;
  if (!student.features.includes('attention'))
    throw new UserError(
      `train.attentionDistanceEvery: wanted a student with attention, got ${oneOf(student.family)}; set it to null, or take a Vision Transformer`,
    );
  if (every % train.evalEvery !== 0)
    throw new UserError(
      `train.attentionDistanceEvery: wanted a multiple of train.evalEvery (${train.evalEvery}), since it is measured at evaluations, got ${every}`,
    );
}

/** Measures how far a student's heads look while it learns: the plot with which DearKD argues for its second stage. */
export class AttentionProbe {
  readonly #parts: RunParts;
  readonly #platform: Platform;
  #loader: Loader | undefined;
  #program: Program | undefined;
  #compiled: Compiled | undefined;

  constructor(parts: RunParts, platform: Platform) {
    this.#parts = parts;
    this.#platform = platform;
  }

  /** True at the evaluations of every `train.attentionDistanceEvery`-th epoch and at the last one. */
  due(epoch: number): boolean {
    const { attentionDistanceEvery: every, epochs } = this.#parts.settings.train;
    return every !== null && (epoch % every === 0 || epoch === Math.ceil(epochs));
  }

  async enterStage(vectors: readonly Vector[]): Promise<void> {
    if (this.#parts.settings.train.attentionDistanceEvery === null) return;
    await this.#compiled?.dispose();
    const { student } = this.#parts;
    const { attention, grid } = liveFeatures(student, vectors, this.#batch);
    const patch = Number(student.config.patchSize);
    const outputs = attention!.map((one, i): [string, Tensor] => [`layer${i}`, attentionDistance(one, grid!, patch)]);
    this.#program = closeProgram(new Map(outputs));
    this.#compiled = await this.#platform.engine.compile(this.#program);
  }

  /** `attention_distance_layer<i>` and `attention_distance_layer<i>_head<h>`, in pixels of the input. */
  async measure(state: TrainState): Promise<Record<string, number>> {
    const { inputs, outputs } = this.#program!;
    const { data, settings, config } = this.#parts;
    const size = settings.imageSize;
    this.#loader ??= this.#platform.loader(
      evalBatches(subset(data.val, { count: IMAGES }, 0), transformOf(settings), this.#batch, config),
    );
    const into = new Map(
      [...outputs].map(([name, { shape }]) => [name, this.#platform.engine.empty('float32', shape)]),
    );
    const weights = Object.fromEntries(Object.entries(state.weights('param')).filter(([name]) => inputs.has(name)));
    const sums = new Map([...outputs].map(([name, { shape }]) => [name, new Float64Array(shape[1]!)]));
    let images = 0;
    for await (const loaded of this.#loader.batches()) {
      const pixel_values = this.#platform.engine.tensor('float32', [this.#batch, 3, size, size], loaded.images);
      await this.#compiled!.run({ ...weights, pixel_values }, Object.fromEntries(into));
      for (const [name, sum] of sums) await addRows(sum, into.get(name)!, loaded.valid);
      images += loaded.valid.reduce((count, one) => count + one, 0);
      loaded.release();
    }
    return named(sums, images);
  }

  async close(): Promise<void> {
    await this.#compiled?.dispose();
    await this.#loader?.close();
  }

  get #batch(): number {
    return this.#parts.settings.train.evalBatch;
  }
}

/** Adds the rows [B,H] of images that could be read. */
async function addRows(sum: Float64Array, rows: EngineTensor, valid: Uint8Array): Promise<void> {
  const values = (await rows.read()) as Float32Array;
  const heads = sum.length;
  valid.forEach((one, row) => {
    for (let head = 0; one && head < heads; head++) sum[head]! += values[row * heads + head]!;
  });
}

function named(sums: ReadonlyMap<string, Float64Array>, images: number): Record<string, number> {
  const entries = [...sums].flatMap(([layer, sum]) => {
    const heads = [...sum].map((total) => total / images);
    const mean = heads.reduce((a, b) => a + b, 0) / heads.length;
    return [
      [`attention_distance_${layer}`, mean] as const,
      ...heads.map((value, head) => [`attention_distance_${layer}_head${head}`, value] as const),
    ];
  });
  return Object.fromEntries(entries);
}
