import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import { type Answering, checkAnswer } from '../engine/finiteAnswer.ts';
import { CLASS_HEAD } from '../program/evalProgram.ts';
import { type Evaluation, Tally } from './metrics.ts';

/** A batch as evaluation needs it; rows whose `valid` is 0 are padding or unreadable. */
export interface EvaluationBatch {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Int32Array;
  readonly valid: Uint8Array;
  release(): void;
}

export interface EvaluationTask {
  readonly engine: Engine;
  readonly compiled: Compiled;
  readonly batch: number;
  readonly imageSize: number;
  readonly classes: number;
  /** Further feeds, such as live weights. */
  readonly feeds?: Readonly<Record<string, EngineTensor>>;
  readonly batches: AsyncIterable<EvaluationBatch>;
  /** Named where an answer is not finite. */
  readonly answering: Answering;
  /** Images in the list. */
  readonly size: number;
  readonly onProgress?: (images: number) => void;
  /** The program has the output `classHead` too, whose top-1 is told beside that of the answer. Default: false. */
  readonly classHead?: boolean;
  /** The place in the program's logits of each class of the list; default: the same order. */
  readonly order?: readonly number[];
  /** Sees the logits of each image, with its place in the list; they are good until it returns. */
  readonly onLogits?: (logits: Float32Array, index: number) => void;
}

/**
 * Runs a program `pixel_values -> logits` (and perhaps `classHead`) over a list of images and adds up the metrics.
 * @throws UserError where a logit is NaN or infinite.
 */
export async function evaluate({
  engine,
  compiled,
  batch,
  imageSize,
  classes,
  feeds = {},
  batches,
  answering,
  size,
  onProgress,
  classHead = false,
  order,
  onLogits,
}: EvaluationTask): Promise<Evaluation> {
  const [tally, alone] = [new Tally(size), new Tally(size)];
  const logits = engine.empty('float32', [batch, classes]);
  const into = { logits, ...(classHead ? { [CLASS_HEAD]: engine.empty('float32', [batch, classes]) } : {}) };
  let seen = 0;
  for await (const loaded of batches) {
    const pixels = engine.tensor('float32', [batch, 3, imageSize, imageSize], loaded.images);
    await compiled.run({ ...feeds, pixel_values: pixels }, into);
    const rows = (await logits.read()) as Float32Array;
    const head = (await into[CLASS_HEAD]?.read()) as Float32Array | undefined;
    for (let row = 0; row < batch; row++) {
      if (!loaded.valid[row]) continue;
      const given = rows.subarray(row * classes, (row + 1) * classes);
      checkAnswer(given, 'logits', answering.model, answering.image(loaded.indices[row]!));
      const one = order ? Float32Array.from(order, (at) => given[at]!) : given;
      tally.add(one, loaded.labels[row]!, loaded.indices[row]!);
      if (head) alone.add(head.subarray(row * classes, (row + 1) * classes), loaded.labels[row]!, loaded.indices[row]!);
      onLogits?.(one, loaded.indices[row]!);
    }
    loaded.release();
    seen += batch;
    onProgress?.(Math.min(seen, size));
  }
  return { ...tally.result(), ...(classHead ? { classHeadTop1: alone.result().top1 } : {}) };
}
