import { binaryDivergence, divergence } from '../../../analysis/agreement.ts';
import { calibrate, classify } from '../../../analysis/classification.ts';
import type { MultilabelScores } from '../../../analysis/multilabel.ts';
import type { Compiled } from '../../../engine/contract.ts';
import type { Platform } from '../../../host/host.ts';
import { imageName } from '../../../data/dataset.ts';
import type { Loader } from '../../../data/loading/loader.ts';
import { type Share, shareOfPass } from '../../../data/loading/sampler.ts';
import { CLASS_HEAD, frozenProgram, liveProgram } from '../../../program/evalProgram.ts';
import type { Program } from '../../../program/program.ts';
import type { Vector } from '../../../program/state.ts';
import { type EvaluationTask, evaluate } from '../../../train/evaluate.ts';
import { agreement, type Evaluation } from '../../../train/metrics.ts';
import type { TrainState } from '../../../train/trainState.ts';
import { AttentionProbe } from './attentionProbe.ts';
import type { RunParts } from '../stage/spec.ts';
import type { Evaluated, Evaluator } from './evaluated.ts';
import { KeptAnswers } from '../../teacher/keptAnswers.ts';
import { labelMetrics, LabelTally } from '../../datasets/multilabel.ts';
import { evalBatches, transformOf } from '../../datasets/loaders.ts';
import { evalTransform } from '../../datasets/preprocess.ts';
import { openAnswerStore, storeWanted } from '../../teacher/store.ts';

/** With the scores of multilabel data. */
type Judged = Evaluation & { readonly scores: MultilabelScores | undefined };

/** Yes or no for each class, by a teacher and without labels: its decisions stand for them. */
interface Decided {
  readonly sets: readonly (readonly number[])[];
}

/** The teacher's answers to the validation images. */
interface TeacherAnswers extends Judged {
  /** By image and class, in the order of the data; undefined where they would be too many to keep. */
  readonly logits: Float32Array | undefined;
  readonly decided: Decided | undefined;
}

/** A student's evaluation, with KL(teacher || student) of each image and its mean where the teacher's logits are kept. */
interface StudentAnswers extends Judged {
  readonly kl: number | undefined;
  /** Share of equal decisions over images and classes, where each class is a yes or no. */
  readonly alike: number | undefined;
  readonly divergences: Float32Array | undefined;
}

/** Our choice: 256 MB of teacher logits, which ImageNet's validation images (200 MB) fit into. */
const KEPT_LOGITS = 2 ** 26;

/** Evaluates a run's student on its validation images, and the teacher once. */
export class RunEvaluator implements Evaluator {
  readonly #parts: RunParts;
  readonly #platform: Platform;
  readonly #loader: Loader;
  readonly #attention: AttentionProbe;
  readonly #warn: (message: string) => void;
  #compiled: Compiled | undefined;
  #program: Program | undefined;
  #teacher: TeacherAnswers | undefined;

  constructor(parts: RunParts, platform: Platform, warn: (message: string) => void) {
    this.#parts = parts;
    this.#warn = warn;
    this.#platform = platform;
    const { data, settings, config } = parts;
    this.#loader = platform.loader(
      evalBatches(data.val, transformOf(settings), settings.train.evalBatch, config, warn),
    );
    this.#attention = new AttentionProbe(parts, platform);
  }

  async enterStage(vectors: readonly Vector[]): Promise<void> {
    await this.#compiled?.dispose();
    this.#program = liveProgram(this.#parts.student, vectors, this.#parts.settings.train.evalBatch);
    this.#compiled = await this.#platform.engine.compile(this.#program);
    await this.#attention.enterStage(vectors);
  }

  async evaluate(state: TrainState, epoch: number): Promise<Evaluated> {
    const teacher = await this.#teacherAnswers();
    const kinds = this.#parts.settings.train.ema === null ? (['param'] as const) : (['param', 'ema'] as const);
    const found: StudentAnswers[] = [];
    for (const kind of kinds) found.push(await this.#studentAnswers(state, kind, teacher));
    const distances = this.#attention.due(epoch) ? await this.#attention.measure(state) : {};
    const measured = found.map((answers, i) => ({
      ...this.#metrics(answers, teacher, i === 0),
      ...(i === 0 ? distances : {}),
    }));
    const events = measured.map((metrics, i) => ({
      metrics: prefixed(metrics, i === 1 ? 'val_ema/' : 'val/'),
      ema: i === 1,
    }));
    const named = Object.assign({}, ...events.map(({ metrics }) => metrics));
    const scoreOf = ({ top1, decisions, scores, kl }: StudentAnswers) => {
      if (teacher?.decided) return -kl!;
      return scores?.map ?? (this.#parts.data.labelled ? top1 : agreement(decisions, teacher!.decisions));
    };
    const scores = found.map(scoreOf);
    const best = scores.length > 1 && scores[1]! > scores[0]! ? 1 : 0;
    const judged = teacher && this.#parts.data.labelled ? ofTeacher(teacher) : {};
    const metrics = { ...events[best]!.metrics, ...judged };
    const { divergences, scores: own } = found[best]!;
    const answers = {
      metrics,
      student: found[best]!,
      teacher,
      divergences,
      scores: own,
      teacherScores: teacher?.scores,
    };
    const plain = this.#parts.data.multilabel ? undefined : found[0]!;
    return { events, named, score: scores[best]!, ema: best === 1, plain, best: answers };
  }

  async close(): Promise<void> {
    await this.#compiled?.dispose();
    await this.#loader.close();
    await this.#attention.close();
  }

  #metrics(answers: StudentAnswers, teacher: TeacherAnswers | undefined, first: boolean): Record<string, number> {
    const { loss, top1, classHeadTop1, top5, decisions, confidences, kl, alike: same, scores } = answers;
    if (teacher?.decided) return { teacher_agreement: same!, teacher_kl: kl! };
    if (scores) return { ...labelMetrics(scores), ...(first && teacher ? ofTeacher(teacher) : {}) };
    const alike = teacher && {
      teacher_agreement: agreement(decisions, teacher.decisions),
      ...(kl === undefined ? {} : { teacher_kl: kl }),
    };
    if (!this.#parts.data.labelled) return alike!;
    const { labels } = this.#parts.data.val;
    const own = {
      loss,
      top1,
      ...(classHeadTop1 === undefined ? {} : { class_head_top1: classHeadTop1 }),
      ...(this.#parts.student.classes > 5 ? { top5 } : {}),
      macro_f1: classify(labels, decisions).macroF1,
      ece: calibrate(labels, decisions, confidences).ece,
    };
    if (!alike) return own;
    return { ...own, ...alike, ...(first ? ofTeacher(teacher) : {}) };
  }

  async #studentAnswers(
    state: TrainState,
    kind: 'param' | 'ema',
    teacher: TeacherAnswers | undefined,
  ): Promise<StudentAnswers> {
    const { inputs } = this.#program!;
    const feeds = Object.fromEntries(Object.entries(state.weights(kind)).filter(([name]) => inputs.has(name)));
    const K = this.#parts.student.classes;
    const divergences = teacher?.logits && new Float32Array(teacher.decisions.length);
    let [sum, both, same] = [0, 0, 0];
    const found = await this.#run({
      compiled: this.#compiled!,
      classHead: this.#program!.outputs.has(CLASS_HEAD),
      classes: K,
      imageSize: this.#parts.settings.imageSize,
      batches: this.#loader.batches(undefined, this.#share(this.#loader)),
      model: `the student${kind === 'ema' ? ' (its average)' : ''}`,
      feeds,
      sets: teacher?.decided?.sets,
      onLogits: (logits, index) => {
        if (!divergences || teacher.decisions[index]! < 0) return;
        const given = teacher.logits!.subarray(index * K, (index + 1) * K);
        const binary = teacher.decided && binaryDivergence(logits, given);
        const kl = binary?.kl ?? divergence(logits, given);
        same += binary?.same ?? 0;
        divergences[index] = kl;
        sum += kl;
        both++;
      },
    });
    const mean = (total: number) => (both === 0 ? undefined : total / both);
    return { ...found, kl: mean(sum), alike: mean(same / K), divergences };
  }

  /**
   * The teacher sees the validation images through its own preprocessing, once. Only where its classes are the data's; they
   * are matched by name.
   */
  async #teacherAnswers(): Promise<TeacherAnswers | undefined> {
    const { teacher, data, settings, config } = this.#parts;
    if (!teacher || this.#teacher) return this.#teacher;
    const order = data.classes.map((name) => teacher.classes.indexOf(name));
    const K = order.length;
    if (teacher.classes.length !== K || order.includes(-1)) return undefined;
    if (data.multilabel && !teacher.multilabel) return undefined;
    const batch = settings.train.evalBatch;
    const { imageSize } = teacher.preprocessing;
    const transform = evalTransform(teacher.preprocessing);
    const loader = this.#platform.loader(evalBatches(data.val, transform, batch, config));
    const program = frozenProgram(teacher.network, teacher.weights, batch);
    const { engine, outputs } = this.#platform;
    const kept =
      storeWanted(config) && outputs
        ? new KeptAnswers(engine, program, await openAnswerStore(outputs, config, teacher, data.val, this.#warn))
        : undefined;
    const compiled = kept ?? (await engine.compile(program));
    const count = data.val.paths.length * K;
    const answersFor = data.multilabel && !data.labelled;
    // The size of what must be kept is checked by the tally of the student's answers.
    const logits = answersFor || (count <= KEPT_LOGITS && !data.multilabel) ? new Float32Array(count) : undefined;
    const found = await this.#run({
      compiled,
      classes: K,
      imageSize,
      batches: kept?.watch(loader, this.#share(loader)) ?? loader.batches(undefined, this.#share(loader)),
      model: teacher.path,
      order,
      onLogits: (row, index) => logits?.set(row, index * K),
    });
    const decided = answersFor ? { sets: decisionsOf(logits!, K) } : undefined;
    this.#teacher = { ...found, logits, decided };
    await compiled.dispose();
    await loader.close();
    return this.#teacher;
  }

  /** The batches that this rank answers. */
  #share({ stepsPerEpoch }: Loader): Share | undefined {
    const { alone, rank, size } = this.#platform.ranks;
    return alone ? undefined : shareOfPass(rank, size, stepsPerEpoch);
  }

  async #run({
    sets,
    model,
    ...task
  }: Omit<EvaluationTask, 'engine' | 'ranks' | 'batch' | 'size' | 'answering'> & {
    readonly model: string;
    readonly sets?: Decided['sets'] | undefined;
  }): Promise<Judged> {
    const { settings, data } = this.#parts;
    const truth = data.val.sets ?? sets;
    const tally = truth && new LabelTally(truth, task.classes);
    const onLogits = (logits: Float32Array, index: number) => {
      tally?.add(logits, index);
      task.onLogits?.(logits, index);
    };
    const [batch, size] = [settings.train.evalBatch, data.val.paths.length];
    const answering = { model, image: (index: number) => imageName(data.val, index) };
    const { engine, ranks } = this.#platform;
    const found = await evaluate({ ...task, engine, ranks, batch, size, onLogits, answering });
    return { ...found, scores: tally?.judge() };
  }
}

/** The classes that each row of logits says yes to. */
function decisionsOf(logits: Float32Array, K: number): number[][] {
  return Array.from({ length: logits.length / K }, (_, i) =>
    Array.from({ length: K }, (_, k) => k).filter((k) => logits[i * K + k]! > 0),
  );
}

const ofTeacher = ({ top1, scores }: TeacherAnswers): Record<string, number> =>
  scores ? { 'teacher/map': scores.map } : { 'teacher/top1': top1 };

function prefixed(metrics: Record<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name.includes('/') ? name : `${prefix}${name}`, value]),
  );
}
