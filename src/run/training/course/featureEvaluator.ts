import type { Rows } from '../../../analysis/cka.ts';
import { effectiveRank } from '../../../analysis/effectiveRank.ts';
import { type LabelledRows, nearestAccuracy, neighbourAgreement } from '../../../analysis/nearestRows.ts';
import { accuracyOf, fitRidge } from '../../../analysis/ridge.ts';
import { type ImageList, select } from '../../../data/dataset.ts';
import type { Compiled, EngineTensor } from '../../../engine/contract.ts';
import type { Platform } from '../../../host/host.ts';
import { embeddingProgram, heldOutProgram } from '../../../program/heldOutProgram.ts';
import type { Program } from '../../../program/program.ts';
import type { Vector } from '../../../program/state.ts';
import { readFeatures } from '../../../program/trainProgram.ts';
import type { TrainState } from '../../../train/trainState.ts';
import { transformOf } from '../../datasets/loaders.ts';
import { trainLabelled } from '../../datasets/runData.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { spread } from '../../teacher/precision.ts';
import { type RunParts, stageSpec, teacherUse } from '../stage/spec.ts';
import type { Evaluated, Evaluator } from './evaluated.ts';
import { EmbeddedImages, portsOf, TeacherOnImages } from './embeddedImages.ts';

/** Our choice: held-out images by which an embedding is judged at most, since neighbours cost their square; and those of a kNN's bank. */
const [HELD_OUT, BANK] = [1024, 4096];
/** Neighbours whose agreement is measured. Our choice: 10. */
const NEIGHBOURS = 10;

type Kind = 'param' | 'ema';

/** What stands for a stage while it lasts. */
interface Entered {
  readonly stage: PlannedStage;
  readonly program: Program;
  readonly compiled: Compiled;
  readonly embedding: Program;
  readonly embed: Compiled;
  readonly teacher: TeacherOnImages | undefined;
}

/**
 * Judges a student without a classifier: by its loss on held-out images, by how far its neighbours are its teacher's, by how many
 * directions its embedding uses; and where images have one label each, every `train.knnEvery` epochs and at the end, by what a kNN and a
 * linear classifier read out of it. Of the best checkpoint the held-out loss decides.
 */
export class FeatureEvaluator implements Evaluator {
  readonly #parts: RunParts;
  readonly #platform: Platform;
  readonly #held: ImageList;
  readonly #batch: number;
  #entered: Entered | undefined;
  /** The teacher's own accuracy, once. */
  #ofTeacher: Record<string, number> | undefined;

  constructor(parts: RunParts, platform: Platform) {
    const { data, settings } = parts;
    this.#parts = parts;
    this.#platform = platform;
    this.#held = select(data.val, spread(data.val.paths.length, HELD_OUT));
    this.#batch = Math.min(settings.train.evalBatch, this.#held.paths.length);
  }

  async enterStage(vectors: readonly Vector[], stage: PlannedStage): Promise<void> {
    await this.#leave();
    const { settings, student } = this.#parts;
    const train = { ...settings.train, batch: this.#batch };
    const spec = stageSpec({ ...this.#parts, settings: { ...settings, train } }, stage, {});
    const program = heldOutProgram(spec, vectors);
    const embedding = embeddingProgram(student, vectors, this.#batch);
    const { engine } = this.#platform;
    const use = teacherUse(this.#parts, stage);
    const names = use ? readFeatures(spec) : [];
    this.#entered = {
      ...{ stage, program, embedding },
      compiled: await engine.compile(program),
      embed: await engine.compile(embedding),
      teacher: use && new TeacherOnImages(this.#parts, this.#platform, use, names, this.#batch),
    };
  }

  async evaluate(state: TrainState, epoch: number): Promise<Evaluated> {
    const { train } = this.#parts.settings;
    const kinds: readonly Kind[] = train.ema === null ? ['param'] : ['param', 'ema'];
    const found: Record<string, number>[] = [];
    for (const kind of kinds) found.push(await this.#measure(state, kind, this.#labelsDue(epoch)));
    const score = ({ loss, neighbour_agreement }: Record<string, number>) =>
      loss === undefined ? neighbour_agreement! : -loss;
    const best = found.length > 1 && score(found[1]!) > score(found[0]!) ? 1 : 0;
    const events = found.map((metrics, i) => ({
      metrics: prefixed(metrics, i === 1 ? 'val_ema/' : 'val/'),
      ema: i === 1,
    }));
    if (this.#ofTeacher) Object.assign(events[0]!.metrics, this.#ofTeacher);
    const named = Object.assign({}, ...events.map(({ metrics }) => metrics));
    const metrics = { ...events[best]!.metrics, ...this.#ofTeacher };
    return {
      events,
      named,
      score: score(found[best]!),
      ema: best === 1,
      plain: undefined,
      best: { metrics, images: this.#held.paths.length },
    };
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  async #leave(): Promise<void> {
    await this.#entered?.compiled.dispose();
    await this.#entered?.embed.dispose();
    await this.#entered?.teacher?.close();
    this.#entered = undefined;
  }

  #labelsDue(epoch: number): boolean {
    const { data, settings } = this.#parts;
    const { knnEvery, epochs } = settings.train;
    return (
      trainLabelled(data) && !data.multilabel && (epoch === epochs || (knnEvery !== null && epoch % knnEvery === 0))
    );
  }

  async #measure(state: TrainState, kind: Kind, labels: boolean): Promise<Record<string, number>> {
    const weights = { ...state.weights('param'), ...state.weights(kind) };
    const { teacher } = this.#entered!;
    const [loss, own] = [await this.#loss(weights), await this.#embedded(this.#held, weights)];
    const theirs = await teacher?.embeddings(this.#held);
    return {
      ...(loss === undefined ? {} : { loss }),
      ...(theirs ? { neighbour_agreement: agreementOf(own, theirs) } : {}),
      effective_rank: effectiveRank(own.rows()),
      ...(labels ? await this.#byLabels(own, weights) : {}),
    };
  }

  /** Mean over whole batches, since the loss of a batch depends on all of it; undefined where the loss is fed more than images. */
  async #loss(weights: Readonly<Record<string, EngineTensor>>): Promise<number | undefined> {
    const { program, compiled, teacher } = this.#entered!;
    const fed = [...program.inputs.keys()].every((name) => /^(param|batch|teacher)\./.test(name));
    if (!fed) return undefined;
    const { engine, ranks } = this.#platform;
    const loss = engine.empty('float32', []);
    const own: [place: number, loss: number][] = [];
    const images = this.#images(this.#held);
    for await (const { pixels, valid, place } of images.batches()) {
      const features = await teacher?.feeds(this.#held, place);
      if (valid.some((is) => !is)) continue;
      const shape = program.inputs.get('batch.pixels')!.shape;
      await compiled.run(
        { ...weights, ...features, 'batch.pixels': engine.tensor('float32', shape, pixels) },
        { loss },
      );
      own.push([place, ((await loss.read()) as Float32Array)[0]!]);
    }
    await images.close();
    const all = await ranks.gather('the losses of the others', new Uint8Array(Float64Array.from(own.flat()).buffer));
    // In the order of the batches, whoever computed them.
    const pairs = all.flatMap((bytes) => pairsOf(new Float64Array(bytes.slice().buffer))).sort(([a], [b]) => a - b);
    return pairs.length === 0 ? undefined : pairs.reduce((sum, [, value]) => sum + value, 0) / pairs.length;
  }

  #images(list: ImageList): EmbeddedImages {
    const { config, settings } = this.#parts;
    return new EmbeddedImages(this.#platform, list, transformOf(settings), this.#batch, config);
  }

  async #embedded(list: ImageList, weights: Readonly<Record<string, EngineTensor>>): Promise<Embedded> {
    const { embed, embedding } = this.#entered!;
    const images = this.#images(list);
    try {
      return await images.through(
        embed,
        embedding,
        'pixel_values',
        'embedding',
        portsOf(embedding, weights),
        'the student',
      );
    } finally {
      await images.close();
    }
  }

  async #byLabels(own: Embedded, weights: Readonly<Record<string, EngineTensor>>): Promise<Record<string, number>> {
    const { data } = this.#parts;
    const { teacher } = this.#entered!;
    const list = select(data.train, spread(data.train.paths.length, BANK));
    const classes = data.classes.length;
    const bank = await this.#embedded(list, weights);
    if (teacher && this.#ofTeacher === undefined) {
      const [known, asked] = [await teacher.embeddings(list), await teacher.embeddings(this.#held)];
      if (known && asked) {
        const { knn_top1, probe_top1 } = readOut(known.labelled(list), asked.labelled(this.#held), classes);
        this.#ofTeacher = { 'teacher/knn_top1': knn_top1, 'teacher/probe_top1': probe_top1 };
      }
    }
    return readOut(bank.labelled(list), own.labelled(this.#held), classes);
  }
}

type Embedded = Awaited<ReturnType<EmbeddedImages['through']>>;

/** What can be read out of an embedding: by its neighbours, and by a linear classifier in closed form. */
function readOut(bank: LabelledRows, asked: LabelledRows, classes: number): { knn_top1: number; probe_top1: number } {
  return {
    knn_top1: nearestAccuracy(bank, asked, classes),
    probe_top1: accuracyOf(fitRidge(bank, classes), asked, classes),
  };
}

function agreementOf(own: Embedded, theirs: Embedded): number {
  const both = own.seen.filter((at) => theirs.seen.includes(at));
  const of = (from: Embedded): Rows => from.rowsAt(both);
  // Of a few images all but one are neighbours.
  const k = Math.max(1, Math.min(NEIGHBOURS, Math.floor((both.length - 1) / 2)));
  return neighbourAgreement(of(own), of(theirs), k);
}

const pairsOf = (values: Float64Array): [number, number][] =>
  Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i]!, values[2 * i + 1]!]);

const prefixed = (metrics: Record<string, number>, prefix: string): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${prefix}${name}`, value]));
