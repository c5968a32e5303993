import type { Rows } from '../../../analysis/cka.ts';
import type { LabelledRows } from '../../../analysis/nearestRows.ts';
import type { TransformConfig } from '../../../data/augment/pipeline.ts';
import { type ImageList, imageName } from '../../../data/dataset.ts';
import type { Loader } from '../../../data/loading/loader.ts';
import { shareOfPass } from '../../../data/loading/sampler.ts';
import type { Ranks } from '../../../cluster/ranks.ts';
import type { Compiled, EngineTensor } from '../../../engine/contract.ts';
import { checkRows } from '../../../engine/finiteAnswer.ts';
import type { Platform } from '../../../host/host.ts';
import { sizeOf } from '../../../graph/shape.ts';
import type { Program } from '../../../program/program.ts';
import { portOf } from '../../../program/teacherPorts.ts';
import { evalBatches, type LoaderConfig } from '../../datasets/loaders.ts';
import { teacherProgram, type TeacherUse } from '../../teacher/features.ts';
import { teacherTransform } from '../stage/measured.ts';
import type { RunParts } from '../stage/spec.ts';

type Ports = Readonly<Record<string, EngineTensor>>;

/** Of these tensors those that a program reads. */
export const portsOf = ({ inputs }: Program, given: Ports): Ports =>
  Object.fromEntries(Object.entries(given).filter(([name]) => inputs.has(name)));

/** A vector for each image of a list that could be read. */
export class EmbeddedRows {
  readonly #width: number;
  readonly #data: Float32Array;
  /** Places in the list, ascending. */
  readonly seen: readonly number[];

  constructor(width: number, data: Float32Array, seen: readonly number[]) {
    this.#width = width;
    this.#data = data;
    this.seen = seen;
  }

  rows(): Rows {
    return this.rowsAt(this.seen);
  }

  rowsAt(places: readonly number[]): Rows {
    const width = this.#width;
    const data = new Float32Array(places.length * width);
    for (const [row, at] of places.entries()) data.set(this.#data.subarray(at * width, (at + 1) * width), row * width);
    return { width, data };
  }

  labelled({ labels }: ImageList): LabelledRows {
    return { ...this.rows(), labels: this.seen.map((at) => labels[at]!) };
  }
}

/**
 * The images of a list as evaluation shows them, batch by batch in their order. Ranks take turns: of several each has every so-many-th
 * batch.
 */
export class EmbeddedImages {
  readonly #platform: Platform;
  readonly #list: ImageList;
  readonly #batch: number;
  readonly #loader: Loader;

  constructor(platform: Platform, list: ImageList, transform: TransformConfig, batch: number, config: LoaderConfig) {
    this.#platform = platform;
    this.#list = list;
    this.#batch = batch;
    this.#loader = platform.loader(evalBatches(list, transform, batch, config));
  }

  /** Those of this rank. `place`: the number of the batch. The arrays are good until the next one. */
  async *batches() {
    const { alone, rank, size } = this.#platform.ranks;
    const share = alone ? undefined : shareOfPass(rank, size, this.#loader.stepsPerEpoch);
    let place = rank;
    for await (const { images, indices, valid, release } of this.#loader.batches(undefined, share)) {
      yield { pixels: images, indices, valid, place };
      place += size;
      release();
    }
  }

  /** What a program gives of every image at one of its outputs, on all ranks. */
  async through(
    compiled: Compiled,
    program: Program,
    pixelsPort: string,
    output: string,
    feeds: Ports,
    model: string,
  ): Promise<EmbeddedRows> {
    const { engine, ranks } = this.#platform;
    const { dtype, shape } = program.outputs.get(output)!;
    const width = sizeOf(shape) / this.#batch;
    const [own, rows]: [number[], Float32Array[]] = [[], []];
    const into = engine.empty(dtype, shape);
    const answering = { model, image: (index: number) => imageName(this.#list, index) };
    for await (const { pixels, indices, valid } of this.batches()) {
      const fed = engine.tensor('float32', program.inputs.get(pixelsPort)!.shape, pixels);
      await compiled.run({ ...feeds, [pixelsPort]: fed }, { [output]: into });
      const values = (await into.read()) as Float32Array;
      const places = Array.from(indices, (index, row) => (valid[row] ? index : -1));
      checkRows(values, output, answering, places);
      for (const [row, at] of places.entries()) {
        if (at < 0) continue;
        rows.push(values.slice(row * width, (row + 1) * width));
        own.push(at);
      }
    }
    const data = new Float32Array(this.#list.paths.length * width);
    const seen: number[] = [];
    for (const theirs of await gatherRows(ranks, own, rows)) {
      for (const [row, at] of theirs.places.entries()) {
        data.set(theirs.data.subarray(row * width, (row + 1) * width), at * width);
        seen.push(at);
      }
    }
    return new EmbeddedRows(
      width,
      data,
      seen.sort((a, b) => a - b),
    );
  }

  close(): Promise<void> {
    return this.#loader.close();
  }
}

/** The rows that each rank has, and their places. */
async function gatherRows(ranks: Ranks, places: readonly number[], rows: readonly Float32Array[]) {
  const width = rows[0]?.length ?? 0;
  const own = new Float32Array(rows.length * width);
  for (const [row, values] of rows.entries()) own.set(values, row * width);
  const what = 'the embeddings of the others';
  const all = await ranks.gather(what, new Uint8Array(Int32Array.from(places).buffer));
  const data = await ranks.gather(what, new Uint8Array(own.buffer));
  return all.map((bytes, rank) => ({
    places: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    data: new Float32Array(data[rank]!.buffer, data[rank]!.byteOffset, data[rank]!.length / 4),
  }));
}

/** Our choice: 256 MB of a teacher's features of held-out images are kept; more are computed again at each evaluation. */
const KEPT = 2 ** 26;

/** A teacher's features of images as evaluation shows them, in float32: what a loss reads, batch by batch, and its embedding. */
export class TeacherOnImages {
  readonly #parts: RunParts;
  readonly #platform: Platform;
  readonly #use: TeacherUse;
  readonly #program: Program;
  readonly #names: readonly string[];
  readonly #batch: number;
  readonly #embeddings = new Map<ImageList, EmbeddedRows>();
  readonly #kept: Record<string, Float32Array>[] = [];
  #compiled: Compiled | undefined;

  constructor(parts: RunParts, platform: Platform, use: TeacherUse, names: readonly string[], batch: number) {
    this.#parts = parts;
    this.#platform = platform;
    this.#use = use;
    this.#names = names;
    this.#batch = batch;
    const all = use.teacher.network.features.includes('embedding') ? [...new Set([...names, 'embedding'])] : names;
    this.#program = teacherProgram(use, batch, use.teacher.preprocessing, all, undefined);
  }

  /** The ports `teacher.*` of a batch of a list, which is always the same one; a rank's batches are asked for in their order. */
  async feeds(list: ImageList, place: number): Promise<Ports> {
    const held = this.#kept[place] ?? (await this.#compute(list, place));
    const { engine } = this.#platform;
    return Object.fromEntries(
      this.#names.map((name) => {
        const { shape } = this.#program.outputs.get(name)!;
        return [portOf(name), engine.tensor('float32', shape, held[name]!)];
      }),
    );
  }

  /** Its embedding of each image, kept; undefined where it has none. */
  async embeddings(list: ImageList): Promise<EmbeddedRows | undefined> {
    if (!this.#program.outputs.has('embedding')) return undefined;
    const held = this.#embeddings.get(list);
    if (held) return held;
    const images = this.#images(list);
    const { path } = this.#use.teacher;
    const found = await images.through(await this.#open(), this.#program, 'pixels', 'embedding', {}, path);
    await images.close();
    this.#embeddings.set(list, found);
    return found;
  }

  async close(): Promise<void> {
    await this.#stream?.batches.return(undefined);
    await this.#stream?.images.close();
    await this.#compiled?.dispose();
  }

  #stream:
    | {
        readonly images: EmbeddedImages;
        readonly batches: ReturnType<EmbeddedImages['batches']>;
        readonly from: number;
      }
    | undefined;

  async #compute(list: ImageList, place: number): Promise<Record<string, Float32Array>> {
    if (place === this.#stream?.from || !this.#stream) {
      await this.#stream?.batches.return(undefined);
      const images = this.#stream?.images ?? this.#images(list);
      this.#stream = { images, batches: images.batches(), from: place };
    }
    const { value } = await this.#stream.batches.next();
    const { engine } = this.#platform;
    const into = Object.fromEntries(
      this.#names.map((name) => [name, engine.empty('float32', this.#program.outputs.get(name)!.shape)]),
    );
    const pixels = engine.tensor('float32', this.#program.inputs.get('pixels')!.shape, value!.pixels);
    await (await this.#open()).run({ pixels }, into);
    const found: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(into)) found[name] = (await tensor.read()) as Float32Array;
    const size = Object.values(found).reduce((sum, values) => sum + values.length, 0);
    if ((size * list.paths.length) / this.#batch <= KEPT) this.#kept[place] = found;
    return found;
  }

  #images(list: ImageList): EmbeddedImages {
    const transform = teacherTransform(this.#parts, this.#use);
    return new EmbeddedImages(this.#platform, list, transform, this.#batch, this.#parts.config);
  }

  async #open(): Promise<Compiled> {
    this.#compiled ??= await this.#platform.engine.compile(this.#program);
    return this.#compiled;
  }
}
