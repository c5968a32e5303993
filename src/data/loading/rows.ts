import { smallest } from '../../graph/lists.ts';
import { type Stream, stream } from '../../random/stream.ts';
import { normalise, normaliseTable } from '../augment/normalise.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { Pixels } from '../augment/pixels.ts';
import { randomErasing } from '../augment/randomErasing.ts';
import type { Planes } from '../augment/resampleVector.ts';
import type { TeacherView, ViewOptions } from './loaderShared.ts';
import { epochOrder, positionAt, repeatedPlace, stepsPerEpoch, viewAt } from './sampler.ts';
import { prepare, varyTo } from './transform.ts';

/** What the rows of a list's batches depend on: with it each row is a function of its place alone, whoever makes it. */
export interface RowSetup {
  readonly count: number;
  readonly transform: TransformConfig;
  readonly batch: number;
  readonly train: boolean;
  readonly seed: number;
  readonly repeats: number;
  readonly views?: ViewOptions | undefined;
  readonly teacherView?: TeacherView | undefined;
  pathOf(index: number): string;
  labelOf(index: number): number;
}

/** Where the rows of a batch go. */
export interface BatchArrays {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly indices: Int32Array;
  readonly valid: Uint8Array;
  readonly views: Int32Array;
  readonly teacherImages?: Float32Array | undefined;
}

/** An image as it is the same in every epoch. */
export interface Readied {
  readonly student: Pixels;
  readonly teacher?: Pixels;
  /** Of an image that was decoded just now: to be called when the row is written. */
  readonly release?: () => Promise<void>;
}

/** Gives the image of an index, or undefined where it cannot be read. */
export type ReadImage = (index: number) => Promise<Readied | undefined>;

/** What a row shows. */
export interface Shown {
  /** Of the image; -1 where there is none. */
  readonly index: number;
  /** Of the row: what is drawn for it hangs on them. */
  readonly epoch: number;
  readonly place: number;
  /** In training: the stream that everything random about the row is drawn from, anew at each call. */
  readonly draws?: () => Stream;
  readonly view?: number;
}

/** Makes the rows of batches: which image, augmented how, normalised. */
export class RowMaker {
  readonly #setup: RowSetup;
  readonly #wantsTeacher: () => boolean;
  readonly #erase: number;
  readonly #steps: number;
  readonly #table: ReturnType<typeof normaliseTable>;
  readonly #teacherTable: ReturnType<typeof normaliseTable> | undefined;
  readonly #orders = new Map<number, Uint32Array>();
  /** The transform at the teacher's size. */
  readonly teacherTransform: TransformConfig | undefined;
  /** Whether the teacher's view is drawn as the student's is; else it is that of evaluation. */
  readonly teacherVaries: boolean;
  /** Whether both views are cut from one and the same prepared image. */
  readonly oneSource: boolean;

  constructor(setup: RowSetup, wantsTeacher: () => boolean) {
    const { transform, teacherView, train, count, batch } = setup;
    this.#setup = setup;
    this.#wantsTeacher = () => teacherView !== undefined && wantsTeacher();
    this.#erase = train ? (transform.train.erase ?? 0) : 0;
    this.#steps = stepsPerEpoch(count, batch, train);
    this.#table = normaliseTable(transform.mean, transform.std);
    this.#teacherTable = teacherView && normaliseTable(teacherView.mean, teacherView.std);
    this.teacherTransform = teacherView && {
      ...transform,
      imageSize: teacherView.imageSize,
      filter: teacherView.filter,
      ...teacherView.original,
    };
    this.teacherVaries = train && !teacherView?.original;
    this.oneSource = this.teacherVaries && transform.train.crop === 'randomResized';
  }

  /** What of a decoded image is the same in every epoch. */
  async ready(decoded: Pixels): Promise<Readied> {
    const { transform, train } = this.#setup;
    const student = await prepare(decoded, transform, train);
    if (!this.#wantsTeacher()) return { student };
    const teacher = this.oneSource ? student : await prepare(decoded, this.teacherTransform!, this.teacherVaries);
    return { student, teacher };
  }

  /**
   * Writes a row of the batch at a global step; gives what frees its image, where that is needed. In training the next good image
   * of the order stands in for one that cannot be read.
   * @param row within the batch
   */
  async write(target: BatchArrays, globalStep: number, row: number, read: ReadImage): Promise<Readied['release']> {
    for (let skip = 0; ; skip++) {
      const shown = this.shown(globalStep, row, skip);
      const image = shown.index < 0 ? undefined : await read(shown.index);
      if (!image && this.#setup.train && shown.index >= 0) continue;
      this.put(target, row, shown, image);
      return image?.release;
    }
  }

  /** What a row of the batch at a global step shows where the first `skip` images of its turn cannot be read. */
  shown(globalStep: number, row: number, skip: number): Shown {
    const { batch, train, count } = this.#setup;
    const { epoch, step } = positionAt(globalStep, this.#steps);
    const place = step * batch + row;
    if (train) return skip < count ? this.#shownInTraining(epoch, place, skip) : { index: -1, epoch, place };
    return { index: place < count ? place : -1, epoch, place };
  }

  /** Writes a row with the image that it shows, or without one that cannot be read. @param at the row of the arrays */
  put(target: BatchArrays, at: number, shown: Shown, image: Readied | undefined): void {
    const { seed, transform, train, labelOf } = this.#setup;
    const { index, epoch, place, draws, view = 0 } = shown;
    // Drawn alike for both, so that the same place is shown, and erased.
    const draw = (pixels: Pixels | undefined, config: TransformConfig, planes: Planes, varied: boolean) =>
      this.#draw(
        pixels,
        config,
        planes,
        varied ? draws?.() : undefined,
        varied && this.#erase > 0 ? stream(seed, 'erase', epoch, place) : undefined,
      );
    const offset = (size: number) => at * 3 * size ** 2;
    const own = { table: this.#table, out: target.images, offset: offset(transform.imageSize) };
    draw(image?.student, transform, own, train);
    if (target.teacherImages && this.#wantsTeacher()) {
      const { imageSize } = this.teacherTransform!;
      const planes = { table: this.#teacherTable!, out: target.teacherImages, offset: offset(imageSize) };
      draw(image?.teacher, this.teacherTransform!, planes, this.teacherVaries);
    }
    target.indices[at] = index;
    target.labels[at] = index < 0 ? 0 : labelOf(index);
    target.valid[at] = image ? 1 : 0;
    target.views[at] = view;
  }

  /** The image as the model sees it, for which training has `draws`; zeros where there is none. */
  #draw(
    pixels: Pixels | undefined,
    config: TransformConfig,
    planes: Planes,
    draws: Stream | undefined,
    erasing: Stream | undefined,
  ): void {
    const { out, offset, table } = planes;
    const { imageSize: size } = config;
    const own = this.#setup.transform.imageSize;
    if (!pixels) out.fill(0, offset, offset + 3 * size ** 2);
    else if (draws) varyTo(planes, pixels, config, draws, size / own);
    else normalise(pixels, table, out, offset);
    if (pixels && erasing) randomErasing(out, offset, size, this.#erase, erasing, own);
  }

  /** The image at `place` of the epoch's order or, `skip` images on, another in the same order. */
  #shownInTraining(epoch: number, place: number, skip: number): Shown {
    const { count: n, views, repeats, seed, teacherView, pathOf } = this.#setup;
    const from = this.#standing(epoch, place);
    const index = this.#orderOf(from.round)[(from.place + skip) % n]!;
    // A list shorter than a batch comes round again within it; each round gets crops of its own.
    const round = Math.floor(place / n);
    const view = views && viewAt(views, pathOf(index), from.turn);
    const keys = repeats > 1 ? [epoch, index, place] : round === 0 ? [epoch, index] : [epoch, index, round];
    const draws = () => (views ? stream(views.seed, 'view', pathOf(index), view!) : stream(seed, 'augment', ...keys));
    // A teacher that sees the originals answers alike for all views.
    return { index, epoch, place, draws, ...(view !== undefined && !teacherView?.original && { view }) };
  }

  /**
   * The order and the place in it that a row of an epoch shows, and the how-manieth showing of its image that is: with fixed views
   * each showing takes the next one, the copies of repeated augmentation too.
   */
  #standing(epoch: number, place: number): { round: number; place: number; turn: number } {
    const { count: n, repeats, batch } = this.#setup;
    if (repeats === 1) return { round: epoch, place, turn: epoch + Math.floor(place / n) };
    const row = epoch * this.#steps * batch + place;
    const at = repeatedPlace(row, n, repeats);
    return { ...at, turn: at.round * repeats + (row % repeats) };
  }

  /** Orders of the last two epochs: rows of both are in hand around an epoch's end. */
  #orderOf(epoch: number): Uint32Array {
    let order = this.#orders.get(epoch);
    if (!order) {
      order = epochOrder(this.#setup.count, this.#setup.seed, epoch);
      this.#orders.set(epoch, order);
      if (this.#orders.size > 2) this.#orders.delete(smallest(this.#orders.keys()));
    }
    return order;
  }
}
