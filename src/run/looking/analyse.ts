import { basename, join, resolve } from 'node:path';
import { type AgreementReport, decision, logitAgreement } from '../../analysis/agreement.ts';
import { type CkaTable, linearCka } from '../../analysis/cka.ts';
import { ckaSvg } from '../../analysis/ckaSvg.ts';
import { distanceSvg } from '../../analysis/distanceSvg.ts';
import { prepare } from '../../data/loading/transform.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import type { ImageList } from '../../data/dataset.ts';
import { subset } from '../../data/dataset.ts';
import type { Engine } from '../../engine/contract.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { makeFolder } from '../../formats/disk/makeFolderNode.ts';
import { UserError } from '../../graph/errors.ts';
import { attentionPicture } from './picture.ts';
import { type ClassAttention, classAttentionOf, type ModelFeatures, modelFeatures } from './features.ts';
import { openImages } from '../datasets/evaluationData.ts';
import type { Described } from '../models/described.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { evalTransform, pixelValues } from '../datasets/preprocess.ts';

export interface AnalyseOptions {
  /** Folder of images; labels are not needed. */
  readonly data: string;
  /** How many of its images, chosen with a fixed seed and stratified; 200 unless told. */
  readonly images?: number;
  /** Folder that is written to; default `inspect-<name of the first model>`. */
  readonly out?: string;
  /** The image of the attention maps; default: the first one of these images. */
  readonly image?: string;
  /** Called once everything has been checked, before the first image is read. */
  readonly onStart?: (part: string) => void;
  readonly onProgress?: (model: string, images: number) => void;
  readonly engine?: Engine;
  /** What the files of the first model do not say, where others have trained it. */
  readonly described?: Described;
  readonly onModel?: OnModel;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing;
}

/** What a network has learned, in numbers. */
export interface ModelAnalysis {
  readonly model: string;
  readonly family: string;
  /** Layers of the CKA, in the order of the network. */
  readonly layers: readonly string[];
  /** Share, 0 to 1, over the images that have a label among the model's classes; null where none has. */
  readonly top1: number | null;
  /** Pixels of the input, by block and head, and the mean over the heads by block; null without attention. */
  readonly attentionDistance: {
    readonly heads: readonly (readonly number[])[];
    readonly mean: readonly number[];
  } | null;
  readonly classAttention: (ClassAttention & { readonly image: string }) | null;
}

export interface Analysis {
  readonly data: string;
  /** Which images these are, in words. */
  readonly part: string;
  /** Images that were read. */
  readonly images: number;
  readonly models: readonly ModelAnalysis[];
  /** Layers of the first model (rows) and of the last one (columns), which is the first where there is one only. */
  readonly cka: CkaTable & { readonly rows: readonly string[]; readonly columns: readonly string[] };
  /** Null for one model, and for two with other classes. KL(second || first). */
  readonly agreement: AgreementReport | null;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  /** Paths of what was written. */
  readonly files: readonly string[];
}

/**
 * Runs one or two models over images, each through its own preprocessing, and tells what they learned: attention distance,
 * CKA between their layers, agreement of their answers, the class token's attention over an image. Writes pictures and
 * analysis.json.
 * @throws UserError if a model or the data cannot be used.
 */
export async function analyseModels(refs: readonly [string, string?], options: AnalyseOptions): Promise<Analysis> {
  const engine = options.engine ?? ortNode();
  const models: LoadedModel[] = [];
  const { onModel, described } = options;
  models.push(await loadModelReference(refs[0], { onModel, described }));
  if (refs[1] !== undefined) models.push(await loadModelReference(refs[1], { onModel }));
  const opened = await openImages(refs[0], options.data, options.onListing);
  const list = subset(opened.list, { count: options.images ?? 200 }, 0);
  if (options.image !== undefined) await decodeImage(options.image);
  const out = options.out ?? `inspect-${basename(resolve(refs[0]))}`;
  // Before the work, not after it.
  makeFolder(out);
  options.onStart?.(`${list.paths.length} of ${opened.part}`);
  const features: ModelFeatures[] = [];
  for (const model of models)
    features.push(await modelFeatures(model, list, engine, (images) => options.onProgress?.(model.path, images)));
  const { seen, bad } = features[0]!;
  if (seen.length === 0)
    throw new UserError(`${options.data}: wanted images that can be read, got none among ${list.paths.length}`);
  const image = options.image ?? join(list.root, list.paths[seen[0]!]!);
  const analyses: ModelAnalysis[] = [];
  for (const [i, model] of models.entries())
    analyses.push(await analysisOf(model, features[i]!, list, opened.classes, image, engine));
  const found = {
    data: options.data,
    part: opened.part,
    images: seen.length,
    models: analyses,
    cka: ckaOf(features),
    agreement: agreementOf(models, features),
    skipped: [...bad].map(([path, reason]) => ({ path, reason })),
  };
  return { ...found, files: await writeFiles(out, found, models, image) };
}

async function analysisOf(
  model: LoadedModel,
  features: ModelFeatures,
  list: ImageList,
  classes: readonly string[],
  image: string,
  engine: Engine,
): Promise<ModelAnalysis> {
  const { distances } = features;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const looked = distances
    ? await classAttentionOf(model, pixelValues(await decodeImage(image), model.preprocessing), engine)
    : undefined;
  return {
    model: model.path,
    family: model.model.family,
    layers: [...features.layers.keys()],
    top1: accuracyOf(model, features, list, classes),
    attentionDistance: distances ? { heads: distances, mean: distances.map(mean) } : null,
    classAttention: looked ? { image, ...looked } : null,
  };
}

/** Classes of the data and of the model are matched by name. */
function accuracyOf(
  model: LoadedModel,
  { layers, seen }: ModelFeatures,
  { labels }: ImageList,
  classes: readonly string[],
): number | null {
  const { width, data } = layers.get('logits')!;
  let [right, judged] = [0, 0];
  seen.forEach((index, row) => {
    const at = labels[index]! < 0 ? -1 : model.classes.indexOf(classes[labels[index]!]!);
    if (at < 0) return;
    judged++;
    if (decision(data.subarray(row * width, (row + 1) * width)) === at) right++;
  });
  return judged === 0 ? null : right / judged;
}

function ckaOf(features: readonly ModelFeatures[]): Analysis['cka'] {
  const [rows, columns] = [features[0]!.layers, features.at(-1)!.layers];
  const table = linearCka([...rows.values()], [...columns.values()], features[0]!.seen.length);
  return { rows: [...rows.keys()], columns: [...columns.keys()], ...table };
}

function agreementOf(models: readonly LoadedModel[], features: readonly ModelFeatures[]): AgreementReport | null {
  const [first, second] = models;
  if (!first || !second) return null;
  const order = first.classes.map((name) => second.classes.indexOf(name));
  if (first.classes.length !== second.classes.length || order.includes(-1)) return null;
  const K = order.length;
  const [a, b] = features.map(({ layers }) => layers.get('logits')!.data) as [Float32Array, Float32Array];
  return logitAgreement(
    a,
    b.map((_, at) => b[at - (at % K) + order[at % K]!]!),
    K,
  );
}

async function writeFiles(
  out: string,
  found: Omit<Analysis, 'files'>,
  models: readonly LoadedModel[],
  image: string,
): Promise<string[]> {
  const files: string[] = [];
  const write = async (name: string, bytes: string | Uint8Array) => {
    await writeFileAtomic(join(out, name), bytes);
    files.push(join(out, name));
  };
  const { images, cka } = found;
  const series = found.models.flatMap(({ model, attentionDistance: distance }) =>
    distance ? [{ name: model, ...distance }] : [],
  );
  if (series.length > 0) await write('attentionDistance.svg', distanceSvg(series, images));
  const side = (i: number, layers: readonly string[]) => ({ model: found.models.at(i)!.model, layers });
  const table = { rows: side(0, cka.rows), columns: side(-1, cka.columns), values: cka.unbiased, images };
  await write('cka.svg', ckaSvg(table));
  for (const [i, { classAttention: looked }] of found.models.entries()) {
    if (!looked) continue;
    const view = await prepare(await decodeImage(image), evalTransform(models[i]!.preprocessing), false);
    await write(`attention-${i + 1}.png`, await attentionPicture(view, looked));
  }
  files.push(join(out, 'analysis.json'));
  await writeFileAtomic(join(out, 'analysis.json'), `${JSON.stringify({ ...found, files }, null, 2)}\n`);
  return files;
}
