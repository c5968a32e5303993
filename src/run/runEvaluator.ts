import type { Compiled, Engine } from '../engine/contract.ts';
import type { Loader } from '../data/index.ts';
import { frozenProgram, liveProgram } from '../program/evalProgram.ts';
import type { Program } from '../program/program.ts';
import type { Vector } from '../program/state.ts';
import { evaluate } from '../train/evaluate.ts';
import { agreement, type Evaluation } from '../train/metrics.ts';
import type { TrainState } from '../train/trainState.ts';
import type { RunParts } from './buildStage.ts';
import { evalLoader, transformOf } from './runData.ts';

export interface Evaluated {
  /** One event for the weights and one for their average. */
  readonly events: readonly { readonly metrics: Record<string, number>; readonly ema: boolean }[];
  readonly named: Record<string, number>;
  /** The better top-1 and whether it is the average's; of images without labels the agreement with the teacher. */
  readonly score: number;
  readonly ema: boolean;
}

/** Evaluates a run's student on its validation images, and the teacher once. */
export class RunEvaluator {
  readonly #parts: RunParts;
  readonly #engine: Engine;
  readonly #loader: Loader;
  #compiled: Compiled | undefined;
  #program: Program | undefined;
  #teacher: Evaluation | undefined;

  constructor(parts: RunParts, engine: Engine) {
    this.#parts = parts;
    this.#engine = engine;
    const { data, settings, config } = parts;
    this.#loader = evalLoader(data.val, transformOf(settings), settings.train.evalBatch, config);
  }

  async enterStage(vectors: readonly Vector[]): Promise<void> {
    await this.#compiled?.dispose();
    this.#program = liveProgram(this.#parts.student, vectors, this.#parts.settings.train.evalBatch);
    this.#compiled = await this.#engine.compile(this.#program);
  }

  async evaluate(state: TrainState): Promise<Evaluated> {
    const teacher = await this.#teacherEvaluation();
    const kinds = this.#parts.settings.train.ema === null ? (['param'] as const) : (['param', 'ema'] as const);
    const found: Evaluation[] = [];
    for (const kind of kinds)
      found.push(
        await this.#run(
          this.#compiled!,
          this.#parts.student.classes,
          this.#parts.settings.imageSize,
          this.#loader,
          state.weights(kind),
        ),
      );
    const events = found.map((evaluation, i) => ({
      metrics: this.#metrics(evaluation, teacher, i === 0),
      ema: i === 1,
    }));
    const named = Object.assign({}, ...events.map(({ metrics, ema }) => prefixed(metrics, ema ? 'val_ema/' : 'val/')));
    const scoreOf = ({ top1, decisions }: Evaluation) =>
      this.#parts.data.labelled ? top1 : agreement(decisions, teacher!.decisions);
    const scores = found.map(scoreOf);
    const best = scores.length > 1 && scores[1]! > scores[0]! ? 1 : 0;
    return { events, named, score: scores[best]!, ema: best === 1 };
  }

  async close(): Promise<void> {
    await this.#compiled?.dispose();
    await this.#loader.close();
  }

  #metrics(evaluation: Evaluation, teacher: Evaluation | undefined, first: boolean): Record<string, number> {
    const { loss, top1, top5, decisions } = evaluation;
    if (!this.#parts.data.labelled) return { teacher_agreement: agreement(decisions, teacher!.decisions) };
    const own = { loss, top1, ...(this.#parts.student.classes > 5 ? { top5 } : {}) };
    if (!teacher) return own;
    return {
      ...own,
      teacher_agreement: agreement(decisions, teacher.decisions),
      ...(first ? { 'teacher/top1': teacher.top1 } : {}),
    };
  }

  /** The teacher sees the validation images through its own preprocessing, once. Only where its classes are the data's. */
  async #teacherEvaluation(): Promise<Evaluation | undefined> {
    const { teacher, data, settings, config } = this.#parts;
    if (!teacher || this.#teacher) return this.#teacher;
    if (teacher.classes.length !== data.classes.length || !teacher.classes.every((name, i) => name === data.classes[i]))
      return undefined;
    const batch = settings.train.evalBatch;
    const { imageSize, mean, std, evalCropRatio } = teacher.preprocessing;
    const loader = evalLoader(
      data.val,
      { ...transformOf(settings), imageSize, mean, std, evalCropRatio },
      batch,
      config,
    );
    const compiled = await this.#engine.compile(frozenProgram(teacher.network, teacher.weights, batch));
    this.#teacher = await this.#run(compiled, teacher.network.classes, imageSize, loader, {});
    await compiled.dispose();
    await loader.close();
    return this.#teacher;
  }

  #run(
    compiled: Compiled,
    classes: number,
    imageSize: number,
    loader: Loader,
    feeds: ReturnType<TrainState['weights']>,
  ): Promise<Evaluation> {
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => this.#program!.inputs.has(name)));
    const size = this.#parts.data.val.paths.length;
    return evaluate({
      engine: this.#engine,
      compiled,
      batch: this.#parts.settings.train.evalBatch,
      imageSize,
      classes,
      feeds: used,
      batches: loader.batches(),
      size,
    });
  }
}

function prefixed(metrics: Record<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name.includes('/') ? name : `${prefix}${name}`, value]),
  );
}
