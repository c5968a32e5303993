import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { showAddress } from '../../data/address.ts';
import { lockBeside, replaceFolderAtomic, writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import type { Lock } from '../../formats/disk/lockNode.ts';
import type { SavedModel } from '../../formats/savedModel.ts';
import { preprocessorFile } from '../../formats/preprocessing/preprocessorFile.ts';
import { plainVit } from '../../formats/plainVit.ts';
import { UserError } from '../../graph/errors.ts';
import { type Dtype, ONNX_FILES, onnxFile, parseDtypes } from './files.ts';
import { exportContents } from './contents.ts';
import type { Origin } from './modelCard.ts';
import { readDetails } from '../../report/readRunNode.ts';
import { readBack } from './readBack.ts';
import type { Described } from '../models/described.ts';
import { loadModelReference, type OnModel, refuseOnnx, trainable } from '../models/reference.ts';
import type { LoadedModel, OwnModel } from '../models/loaded.ts';
import { portsOf } from './ports.ts';
import { fileRows, ownRows } from './runInputs.ts';
import { openSample, randomInputs, readSample, type Sample } from '../datasets/sampleImages.ts';
import { type Agreement, compareRows, type Rows, shortfall, type FileCheck } from './agreement.ts';

/** At most so many real images. */
const REAL_IMAGES = 200;

/** Batches of different sizes, since the file's batch is open. */
const BATCHES = [1, 3, 4];

export interface ExportOptions {
  /** New or empty folder. */
  readonly out: string;
  /** Replaces an earlier export in `out`. */
  readonly force?: boolean;
  /** Folder of images: every file is checked on up to 200 of them too. */
  readonly data?: string;
  /** One or more of fp32, fp16, q8, joined by commas; fp32 unless told. */
  readonly dtype?: string;
  /** Called once everything has been checked, before anything is built or written. */
  readonly onStart?: () => void;
  readonly onModel?: OnModel;
  /** What the files of a model that others have trained do not say. */
  readonly described?: Described;
  /** Called before each file is built and checked. */
  readonly onFile?: (dtype: Dtype) => void;
}

export interface ExportReport {
  readonly out: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly checks: readonly FileCheck[];
  /** Accuracy of our own forward pass on the same real images. */
  readonly accuracy?: number;
  /** The images of the run that trained the model, where they still are. */
  readonly trainedOn?: string;
}

/** @throws UserError for a network from an ONNX file, and one whose classes are known by their numbers alone. */
export function exportable(loaded: LoadedModel): OwnModel {
  const model = trainable(loaded);
  if (model.classesByIndex)
    throw new UserError(
      `${model.path}: wanted the names of its classes, which go into the files, got index; give a file of names: --classes FILE`,
    );
  // Refuses, before the work, a preparation that the file for it cannot say.
  preprocessorFile(model.preprocessing);
  return model;
}

/**
 * Exports a model in the Hugging Face layout: config.json, preprocessor_config.json, model.safetensors, onnx/ and a model card.
 * Each ONNX file is checked against our own forward pass before anything is written.
 * @throws UserError if the model cannot be loaded, `out` is not empty, or a file does not compute what the model does.
 */
export async function exportModel(
  ref: string | LoadedModel,
  { out, force = false, data, dtype = 'fp32', onStart, onFile, onModel, described }: ExportOptions,
): Promise<ExportReport> {
  const dtypes = parseDtypes(dtype);
  refuseUsed(out, force);
  if (typeof ref === 'string') refuseOnnx(ref);
  const model = exportable(typeof ref === 'string' ? await loadModelReference(ref, { onModel, described }) : ref);
  const source = data === undefined ? undefined : await openSample(model, model.path, data);
  // Before the work, not after it. Of two exports to one folder the second is refused.
  const lock = await lockBeside(out);
  try {
    refuseUsed(out, force);
    onStart?.();
    const sample = source && (await readSample(model, source, REAL_IMAGES));
    const saved = plainVit(model);
    const { files, checks, accuracy } = await checkedFiles(model, saved, dtypes, sample, onFile);
    const origin = await originOf(model);
    await writeExport(out, saved, { files, checks, lock, origin });
    await readBack(out, saved, files);
    const trainedOn = origin && existsSync(origin.setup.data) ? { trainedOn: origin.setup.data } : {};
    return { out, files: filesBelow(out), checks, ...(accuracy === undefined ? {} : { accuracy }), ...trainedOn };
  } finally {
    await lock.release();
  }
}

/** Writes an exported model folder (Hugging Face layout), whole or not at all. */
export async function writeExport(
  dir: string,
  saved: SavedModel,
  { files, checks, lock, origin }: WriteOptions = {},
): Promise<void> {
  const contents = exportContents(saved, files, checks, origin);
  const fill = async (folder: string) => {
    for (const [path, content] of contents) await writeFileAtomic(join(folder, path), content);
  };
  await replaceFolderAtomic(dir, fill, lock ? { lock } : {});
}

/** What is known of the best model of a run; a checkpoint of another step is not the one that was evaluated. */
async function originOf({ stored }: OwnModel): Promise<Origin | null> {
  const folder = resolve(stored);
  return basename(folder) === 'model' ? readDetails(join(dirname(folder), 'evaluation.json')) : null;
}

interface WriteOptions {
  /** Default: fp32. */
  readonly files?: ReadonlyMap<Dtype, Uint8Array>;
  readonly checks?: readonly FileCheck[];
  /** What the model card says of the run that the model comes from. */
  readonly origin?: Origin | null;
  /** That covers the folder; default: its own. */
  readonly lock?: Lock;
}

interface CheckedFiles {
  readonly files: ReadonlyMap<Dtype, Uint8Array>;
  readonly checks: readonly FileCheck[];
  readonly accuracy: number | undefined;
}

async function checkedFiles(
  model: LoadedModel,
  saved: SavedModel,
  dtypes: readonly Dtype[],
  sample: Sample | undefined,
  onFile?: (dtype: Dtype) => void,
): Promise<CheckedFiles> {
  const side = model.preprocessing.imageSize;
  const noise = randomInputs(model);
  const [ownNoise, own] = [
    await ownRows(model, noise),
    sample && (await ownRows(model, sample.inputs, (i) => showAddress(sample.paths[i]!))),
  ];
  const files = new Map<Dtype, Uint8Array>();
  const checks: FileCheck[] = [];
  for (const dtype of dtypes) {
    onFile?.(dtype);
    const file = onnxFile(saved, dtype);
    const check = async (inputs: readonly Float32Array[], ours: Rows, labels?: Int32Array): Promise<Agreement> => {
      const found = compareRows(
        ours,
        await fileRows(file, inputs, side, BATCHES, undefined, undefined, portsOf(model.network)),
        labels,
      );
      const fault = shortfall(dtype, found, ours, inputs !== noise && model.classes.length > 0);
      if (fault !== undefined) throw differs(model, dtype, fault);
      return found;
    };
    const random = await check(noise, ownNoise);
    const real = sample && (await check(sample.inputs, own!, sample.labels));
    files.set(dtype, file);
    checks.push({ dtype, path: ONNX_FILES[dtype], random, ...(real ? { real } : {}) });
  }
  return { files, checks, accuracy: sample?.labels && compareRows(own!, own!, sample.labels).accuracy };
}

/** Of an export, whose folder `force` may replace; what else may lie there is nobody's to delete. */
const isExport = (names: readonly string[]): boolean =>
  ['config.json', 'preprocessor_config.json', 'model.safetensors'].every((name) => names.includes(name)) &&
  names.every((name) =>
    /^(config|preprocessor_config)\.json$|^model\.safetensors$|^network\.onnx$|^onnx$|^README\.md$/.test(name),
  );

function refuseUsed(out: string, force: boolean): void {
  try {
    const found = statSync(out, { throwIfNoEntry: false });
    if (!found) return;
    if (!found.isDirectory())
      throw new UserError(`${out}: wanted a new or empty folder to export to, got a file. Choose another --out`);
    const names = readdirSync(out);
    if (names.length === 0 || (force && isExport(names))) return;
    const remedy = isExport(names)
      ? 'Choose another --out, or replace it with --force'
      : `Choose another --out, or delete it${force ? ': --force replaces an earlier export alone' : ''}`;
    throw new UserError(
      `${out}: wanted a new or empty folder to export to, got ${names.slice(0, 4).join(', ')}${names.length > 4 ? ' and more' : ''}. ${remedy}`,
    );
  } catch (error) {
    throw fileError(error, out, 'export to it');
  }
}

function differs({ path }: LoadedModel, dtype: Dtype, fault: string): UserError {
  const remedy =
    dtype === 'fp32'
      ? 'Weights that are huge or not finite are the usual cause; otherwise please report it'
      : `This model loses too much in ${dtype}: leave ${dtype} out of --dtype`;
  return new UserError(
    `${path}: ${ONNX_FILES[dtype]} does not compute what the model does: ${fault}. Nothing was written. ${remedy}`,
  );
}

function filesBelow(dir: string): { path: string; bytes: number }[] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return paths.map((path) => ({ path, bytes: statSync(path).size }));
}
