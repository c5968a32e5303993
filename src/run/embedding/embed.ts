import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { coverage, nearPairs, type UnitRows } from '../../analysis/neighbours.ts';
import { type Dataset, type ImageList, imageName } from '../../data/dataset.ts';
import { imageStamps } from '../../data/images/imageStampsNode.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import type { Engine } from '../../engine/contract.ts';
import { checkRows } from '../../engine/finiteAnswer.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { lockBeside, writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import type { Content } from '../../formats/disk/content.ts';
import { input } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import { emit } from '../../onnx/emit.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import { closeProgram, type Program } from '../../program/program.ts';
import { formatCsv } from '../../train/loggers/csvText.ts';
import { listingOptions } from '../datasets/imageListing.ts';
import { onceOver } from '../datasets/loaders.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import type { Described } from '../models/described.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import { RowsFile, rowsAt, UNREADABLE, unitRows } from './rowsFile.ts';
import { FILE_OF, type Format } from './tables.ts';

export interface EmbedOptions {
  /** New or empty folder, or one of an interrupted call, which goes on. */
  readonly out: string;
  readonly format?: Format;
  /** Pairs of images whose cosine is at least this go to duplicates.csv. */
  readonly duplicates?: number;
  /** So many images that cover all go to subset.txt, in the order of the greedy choice. */
  readonly subset?: number;
  readonly engine?: Engine;
  readonly described?: Described;
  readonly onModel?: OnModel;
  readonly onListing?: OnListing;
  /** Called once everything has been checked; `done` images are there from a call before. */
  readonly onStart?: (about: {
    readonly images: number;
    readonly done: number;
    readonly notes: readonly string[];
  }) => void;
  readonly onProgress?: (what: 'images' | 'compared' | 'chosen', done: number, of: number) => void;
}

export interface EmbedReport {
  readonly model: string;
  readonly out: string;
  readonly images: number;
  /** Of an embedding. */
  readonly width: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly files: readonly string[];
  readonly duplicates?: { readonly threshold: number; readonly pairs: number };
  /** How near each image is at least to one of the chosen. */
  readonly subset?: { readonly images: number; readonly leastCosine: number };
}

/** Our choice: more pairs are of no use to anybody. */
const MOST_PAIRS = 1_000_000;
/** Where embeddings are kept until all are there. */
const UNFINISHED = 'unfinished';

/**
 * Embeddings of all images of a data set (train and validation), as a model gives them: what its head reads, or what an encoder is
 * for. They stream through the disk; an interrupted call goes on where it stopped.
 * @throws UserError for a model without an embedding, data that cannot be used, or an `out` with other files in it.
 */
export async function embedImages(
  ref: string | LoadedModel,
  data: string | readonly string[],
  options: EmbedOptions,
): Promise<EmbedReport> {
  const { out, engine = ortNode(), onListing } = options;
  const model = typeof ref === 'string' ? await loadModelReference(ref, options) : ref;
  requireEmbedding(model);
  refuseUsed(out);
  const dataset = await openDataset(data, { ...listingOptions(onListing), valFraction: 0, seed: 0 });
  const list = allOf(dataset);
  const { imageSize } = model.preprocessing;
  const batch = Math.min(imageSize <= 64 ? 100 : 16, list.paths.length);
  const program = embeddingProgram(model, batch);
  const lock = await lockBeside(out);
  try {
    const unfinished = join(out, UNFINISHED);
    const width = program.outputs.get('embedding')!.shape[1]!;
    const rows = await RowsFile.open(unfinished, identityOf(program, model, list, await imageStamps(list)), width);
    const report = await closing(rows, async () => {
      options.onStart?.({ images: list.paths.length, done: rows.count, notes: dataset.notes ?? [] });
      const bad = await compute(model, engine, program, batch, list, rows, options);
      return writeAll({ model, dataset, list, rows, bad }, { ...options, engine });
    });
    await rm(unfinished, { recursive: true, force: true });
    return report;
  } finally {
    await lock.release();
  }
}

async function closing<T>(rows: RowsFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    rows.close();
  }
}

function requireEmbedding({ network, path }: LoadedModel): void {
  if (!network.features.includes('embedding'))
    throw new UserError(
      `${path}: wanted a model with an embedding, got one with ${network.features.join(', ')}. Of an ONNX file name the value with one row an image: understudy inspect ${path}`,
    );
}

/** Nothing of somebody's is written over. */
function refuseUsed(out: string): void {
  const found = statSync(out, { throwIfNoEntry: false });
  if (!found) return;
  const names = found.isDirectory() ? readdirSync(out) : ['a file'];
  const ours = (name: string) => name === UNFINISHED || /^(embeddings\.\w+|duplicates\.csv|subset\.txt)$/.test(name);
  if (names.length === 0 || (names.includes(UNFINISHED) && names.every(ours))) return;
  throw new UserError(
    `${out}: wanted a new or empty folder, or one of an interrupted call, got ${names.slice(0, 4).join(', ')}. Choose another --out`,
  );
}

/** Training and validation images together, in code-point order of their paths. */
function allOf({ train, val }: Dataset): ImageList {
  if (val.paths.length === 0) return train;
  const lists = [train, val];
  const order = lists.flatMap((list, of) => list.paths.map((path, at) => ({ path, of, at })));
  order.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    root: train.root,
    paths: order.map(({ path }) => path),
    labels: Int32Array.from(order, ({ of, at }) => lists[of]!.labels[at]!),
  };
}

function embeddingProgram({ network, weights }: LoadedModel, batch: number): Program {
  const { imageSize } = network;
  const { embedding } = buildFrozen(network, input('pixel_values', [batch, 3, imageSize, imageSize]), weights);
  return closeProgram({ embedding: embedding! });
}

/** What embeddings depend on, but for what is in the images' files. */
function identityOf(
  program: Program,
  { preprocessing }: LoadedModel,
  list: ImageList,
  stamps: readonly string[],
): string {
  const hash = createHash('sha256');
  hash.update(emit(program)).update(JSON.stringify(preprocessing)).update(list.root);
  for (const [i, path] of list.paths.entries()) hash.update(`\0${path}\0${stamps[i]}`);
  return hash.digest('hex');
}

/** Computes the rows that are missing; gives the images that could not be read. */
async function compute(
  model: LoadedModel,
  engine: Engine,
  program: Program,
  batch: number,
  list: ImageList,
  rows: RowsFile,
  { onProgress }: EmbedOptions,
): Promise<ReadonlyMap<string, string>> {
  const size = list.paths.length;
  const done = rows.count;
  if (done >= size) return new Map();
  const rest = { ...list, paths: list.paths.slice(done), labels: list.labels.slice(done) };
  const loader = createLoader(onceOver(rest, evalTransform(model.preprocessing), batch));
  const compiled = await engine.compile(program);
  const { shape } = program.inputs.get('pixel_values')!;
  const embedding = engine.empty('float32', program.outputs.get('embedding')!.shape);
  const answering = { model: model.path, image: (index: number) => imageName(rest, index) };
  try {
    for await (const { images, indices, valid, release } of loader.batches()) {
      await compiled.run({ pixel_values: engine.tensor('float32', shape, images) }, { embedding });
      const found = ((await embedding.read()) as Float32Array).slice(
        0,
        Math.min(batch, size - rows.count) * rows.width,
      );
      const read = indices.map((index, row) => (valid[row] ? index : -1)).subarray(0, found.length / rows.width);
      checkRows(found, 'embedding', answering, read);
      read.forEach((index, row) => {
        if (index < 0) found.fill(UNREADABLE, row * rows.width, (row + 1) * rows.width);
      });
      release();
      rows.append(found);
      onProgress?.('images', rows.count, size);
    }
  } finally {
    await compiled.dispose();
    await loader.close();
  }
  return loader.bad;
}

interface Embedded {
  readonly model: LoadedModel;
  readonly dataset: Dataset;
  readonly list: ImageList;
  readonly rows: RowsFile;
  readonly bad: ReadonlyMap<string, string>;
}

/** Everything is computed before the first file is written. */
async function writeAll(
  { model, dataset: { classes }, list, rows: file, bad }: Embedded,
  options: EmbedOptions & { readonly engine: Engine },
): Promise<EmbedReport> {
  const { out, format = 'parquet' } = options;
  const { width } = file;
  const places = file.readable();
  const kept = new Set(places);
  const skipped = list.paths.flatMap((path, i) =>
    kept.has(i) ? [] : [{ path, reason: bad.get(path) ?? 'it could not be read before the interruption' }],
  );
  const count = places.length;
  if (count === 0) throw new UserError(`${list.root}: wanted images that can be read, got none: ${skipped[0]!.reason}`);
  const path = (index: number) => list.paths[places[index]!]!;
  const label = (index: number) => classes[list.labels[places[index]!]!];
  const rows = (from: number, to: number) => rowsAt(file, places, from, to);
  const about = { model: model.path, feature: 'embedding', images: list.root };
  const asked = options.duplicates !== undefined || options.subset !== undefined;
  const { more, ...found } = asked ? await compared(unitRows(file, places), path, options) : { more: [] };
  const embeddings = FILE_OF[format]({ count, width, path, label, rows, about });
  const contents = new Map<string, Content>([[`embeddings.${format}`, embeddings], ...more]);
  for (const [name, content] of contents) await writeFileAtomic(join(out, name), content);
  const files = [...contents.keys()].map((name) => join(out, name));
  return { model: model.path, out, images: count, width, skipped, files, ...found };
}

/** What is asked of the embeddings besides, and its files. */
async function compared(
  near: UnitRows,
  path: (index: number) => string,
  { out, duplicates, subset, engine, onProgress }: EmbedOptions & { readonly engine: Engine },
): Promise<Pick<EmbedReport, 'duplicates' | 'subset'> & { readonly more: [name: string, content: Content][] }> {
  const more: [string, Content][] = [];
  const tell = (what: 'compared' | 'chosen', of: number) => (done: number) => onProgress?.(what, done, of);
  const pairs =
    duplicates === undefined
      ? undefined
      : await nearPairs(engine, near, duplicates, MOST_PAIRS, tell('compared', near.count));
  if (pairs === 'too many')
    throw new UserError(
      `${out}: wanted at most ${MOST_PAIRS} pairs of images with a cosine of ${duplicates} or more, got more. Raise --duplicates; the embeddings are kept: give the same --out again`,
    );
  if (pairs) {
    const lines = pairs.map(({ a, b, cosine }) => [path(a), path(b), cosine.toFixed(6)]);
    more.push(['duplicates.csv', formatCsv([['a', 'b', 'cosine'], ...lines])]);
  }
  const chosen =
    subset === undefined ? undefined : await coverage(near, subset, tell('chosen', Math.min(subset, near.count)));
  if (chosen) more.push(['subset.txt', chosen.chosen.map((index) => `${path(index)}\n`).join('')]);
  return {
    more,
    ...(pairs ? { duplicates: { threshold: duplicates!, pairs: pairs.length } } : {}),
    ...(chosen ? { subset: { images: chosen.chosen.length, leastCosine: chosen.leastCosine } } : {}),
  };
}
