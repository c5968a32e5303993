import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import { type Answering, checkAnswer } from '../engine/finiteAnswer.ts';
import { alone, type Ranks } from '../cluster/ranks.ts';
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
  /** Of several ranks: this one's, every so-many-th batch. */
  readonly batches: AsyncIterable<EvaluationBatch>;
  /** Who evaluates together; all get the same numbers, which one alone gets. Default: a process by itself. */
  readonly ranks?: Ranks;
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
  batch,
  classes,
  answering,
  size,
  ranks = alone(),
  onProgress,
  classHead = false,
  order,
  onLogits,
  ...task
}: EvaluationTask): Promise<Evaluation> {
  const [tally, headTally] = [new Tally(size), new Tally(size)];
  const given = answers({ engine, batch, classes, classHead, ...task });
  let seen = 0;
  for await (const { rows, head, labels, indices, valid } of ranks.alone
    ? given
    : inTheirOrder(given, ranks, size, { batch, classes, classHead })) {
    for (let row = 0; row < batch; row++) {
      if (!valid[row]) continue;
      const logits = rows.subarray(row * classes, (row + 1) * classes);
      checkAnswer(logits, 'logits', answering.model, answering.image(indices[row]!));
      const one = order ? Float32Array.from(order, (at) => logits[at]!) : logits;
      tally.add(one, labels[row]!, indices[row]!);
      if (head) headTally.add(head.subarray(row * classes, (row + 1) * classes), labels[row]!, indices[row]!);
      onLogits?.(one, indices[row]!);
    }
    seen += batch;
    onProgress?.(Math.min(seen, size));
  }
  return { ...tally.result(), ...(classHead ? { classHeadTop1: headTally.result().top1 } : {}) };
}

/** What a batch was answered; good until the next one. */
interface BatchAnswers extends Pick<EvaluationBatch, 'labels' | 'indices' | 'valid'> {
  /** [B,K] */
  readonly rows: Float32Array;
  readonly head: Float32Array | undefined;
}

type Answered = Pick<
  EvaluationTask,
  'engine' | 'compiled' | 'batch' | 'imageSize' | 'classes' | 'feeds' | 'batches'
> & {
  readonly classHead: boolean;
};

async function* answers({
  engine,
  compiled,
  batch,
  imageSize,
  classes,
  feeds = {},
  batches,
  classHead,
}: Answered): AsyncGenerator<BatchAnswers> {
  const logits = engine.empty('float32', [batch, classes]);
  const into = { logits, ...(classHead ? { [CLASS_HEAD]: engine.empty('float32', [batch, classes]) } : {}) };
  for await (const { images, labels, indices, valid, release } of batches) {
    const pixels = engine.tensor('float32', [batch, 3, imageSize, imageSize], images);
    await compiled.run({ ...feeds, pixel_values: pixels }, into);
    const head = (await into[CLASS_HEAD]?.read()) as Float32Array | undefined;
    yield { rows: (await logits.read()) as Float32Array, head, labels, indices, valid };
    release();
  }
}

/** The answers of all ranks, in the order of the batches: of each round of as many batches as there are ranks each has computed one. */
async function* inTheirOrder(
  own: AsyncGenerator<BatchAnswers>,
  ranks: Ranks,
  size: number,
  { batch, classes, classHead }: Pick<Answered, 'batch' | 'classes' | 'classHead'>,
): AsyncGenerator<BatchAnswers> {
  const numbers = batch * classes * (classHead ? 2 : 1);
  // Labels, places and validity are whole numbers that a float32 holds (up to 2^24 images), and places as two halves any.
  const length = numbers + 4 * batch;
  const [sent, got] = [new Float32Array(length), new Float32Array(length * ranks.size)];
  const rounds = Math.ceil(Math.ceil(size / batch) / ranks.size);
  for (let round = 0; round < rounds; round++) {
    const { value } = await own.next();
    sent.fill(0);
    if (value) pack(value, sent, batch, numbers);
    await ranks.collect('the answers of the others', bytes(sent), bytes(got));
    for (let rank = 0; rank < ranks.size; rank++)
      yield unpack(got.subarray(rank * length, (rank + 1) * length), batch, numbers, classHead);
  }
  await own.return(undefined);
}

/** A place in the list is more than 24 bits in a list of more than 16 million images. */
const HALF = 2 ** 20;

function pack(
  { rows, head, labels, indices, valid }: BatchAnswers,
  into: Float32Array,
  batch: number,
  numbers: number,
): void {
  into.set(rows);
  if (head) into.set(head, rows.length);
  into.set(labels, numbers);
  into.set(valid, numbers + batch);
  into.set(
    Float32Array.from(indices, (at) => at % HALF),
    numbers + 2 * batch,
  );
  into.set(
    Float32Array.from(indices, (at) => Math.trunc(at / HALF)),
    numbers + 3 * batch,
  );
}

function unpack(from: Float32Array, batch: number, numbers: number, classHead: boolean): BatchAnswers {
  const rest = (place: number) => from.subarray(numbers + place * batch, numbers + (place + 1) * batch);
  const [low, high] = [rest(2), rest(3)];
  const each = classHead ? numbers / 2 : numbers;
  return {
    rows: from.subarray(0, each),
    head: classHead ? from.subarray(each, numbers) : undefined,
    labels: Int32Array.from(rest(0)),
    valid: Uint8Array.from(rest(1)),
    indices: Int32Array.from(low, (at, i) => at + high[i]! * HALF),
  };
}

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
