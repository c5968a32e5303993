import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { showAddress } from '../../data/address.ts';
import { plainVit } from '../../formats/plainVit.ts';
import { UserError } from '../../graph/errors.ts';
import { type Agreement, compareRows, marginOf, type Rows, shortfall } from './agreement.ts';
import { DTYPES, type Dtype, ONNX_FILES, onnxFile } from './files.ts';
import type { Described } from '../models/described.ts';
import { exportable, writeExport } from './exportModel.ts';
import { onnxPathOf } from '../models/onnxReferenceNode.ts';
import { loadModelReference, type OnModel, trainable } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { FilePorts } from '../../onnx/import/filePorts.ts';
import { isTransformers, portsOf } from './ports.ts';
import { fileRows, ownRows } from './runInputs.ts';
import { openSample, readSample, type Sample } from '../datasets/sampleImages.ts';
import { ortWeb, transformers, transformersInputs, transformersRows } from './verifyClients.ts';

/** Their inputs are held in memory. */
const MOST = 5000;

export interface VerifyOptions {
  /** Folder of images. */
  readonly data: string;
  /** At most so many of them, spread evenly; 200 unless told. */
  readonly images?: number;
  /** Called once everything has been checked, before the first image is read. */
  readonly onStart?: (part: string) => void;
  readonly onModel?: OnModel;
  /** What the files of a model that others have trained do not say. */
  readonly described?: Described;
  /** Called before each row. */
  readonly onRow?: (client: string, file: string) => void;
}

/** One way to run one file. */
export interface VerifyRow extends Agreement {
  readonly client: string;
  readonly file: string;
  readonly dtype: Dtype;
  /** How images became its input: by our preprocess(), or by the client's own code, which need not agree. */
  readonly through: 'preprocess()' | 'its own resize';
  /** Why it does not agree as it must; absent where it does. */
  readonly fault?: string;
}

export interface VerifyReport {
  readonly model: string;
  readonly part: string;
  readonly images: number;
  /** Accuracy of the trainer's own forward pass; absent where the images have no labels. */
  readonly accuracy?: number;
  /** By how much the trainer's largest logit leads the second: the median over the images. */
  readonly margin: number;
  readonly rows: readonly VerifyRow[];
  /** Clients that are not installed. */
  readonly absent: readonly string[];
  /** Clients that are installed and do not run such files, with the reason. */
  readonly unfit: readonly string[];
  /** Files were made for the comparison, as the reference has none. */
  readonly temporary: boolean;
  readonly agrees: boolean;
}

/**
 * Runs a model by every client that is installed and compares with the trainer's own forward pass, on real images.
 * @throws UserError if the model or the images cannot be used.
 */
export async function verifyModel(ref: string, options: VerifyOptions): Promise<VerifyReport> {
  const { data, images = 200, onStart, onRow, onModel, described } = options;
  if (!Number.isInteger(images) || images < 1 || images > MOST)
    throw new UserError(`images: wanted a whole number from 1 to ${MOST}, got ${images}`);
  const loaded = await loadModelReference(ref, { onModel, described });
  const model = onnxPathOf(ref) === undefined ? exportable(loaded) : imported(loaded);
  const source = await openSample(model, model.path, data);
  onStart?.(source.part);
  const sample = await readSample(model, source, images);
  const { folder, dtypes, remove } = await exportedFolder(model);
  try {
    const own = await ownRows(model, sample.inputs, (i) => showAddress(sample.paths[i]!));
    const table = new Table(sample, own, onRow);
    const absent = await fill(table, model, folder, dtypes);
    const accuracy = sample.labels && compareRows(own, own, sample.labels).accuracy;
    return {
      model: model.path,
      part: sample.part,
      images: sample.inputs.length,
      ...(accuracy === undefined ? {} : { accuracy }),
      margin: own.map(marginOf).sort((a, b) => a - b)[Math.floor(own.length / 2)]!,
      rows: table.rows,
      absent,
      unfit: unfitFor(portsOf(model.network)),
      temporary: remove !== undefined,
      agrees: table.rows.every(({ fault }) => fault === undefined),
    };
  } finally {
    remove?.();
  }
}

/**
 * A network of an ONNX file: our own forward pass is what we read of the file.
 * @throws UserError where it does not lie as clients look for it
 */
function imported(model: LoadedModel): LoadedModel {
  const stored = resolve(model.stored, '..', '..');
  if (existsSync(join(stored, 'config.json')) && DTYPES.some((dtype) => existsSync(join(stored, ONNX_FILES[dtype]))))
    return { ...model, stored };
  throw new UserError(
    `${model.path}: wanted a folder as clients read it, with config.json, preprocessor_config.json and ${ONNX_FILES.fp32}, got another one. Move the file there`,
  );
}

/** A folder with ONNX files: the model's own, or a temporary export of all kinds. */
async function exportedFolder(
  model: LoadedModel,
): Promise<{ folder: string; dtypes: readonly Dtype[]; remove?: () => void }> {
  const has = DTYPES.filter((dtype) => existsSync(join(model.stored, ONNX_FILES[dtype])));
  if (has.length > 0) return { folder: resolve(model.stored), dtypes: has };
  const parent = mkdtempSync(join(tmpdir(), 'understudy-verify-'));
  const saved = plainVit(trainable(model));
  await writeExport(join(parent, 'model'), saved, {
    files: new Map(DTYPES.map((dtype) => [dtype, onnxFile(saved, dtype)])),
  });
  return {
    folder: join(parent, 'model'),
    dtypes: DTYPES,
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

class Table {
  readonly rows: VerifyRow[] = [];
  readonly sample: Sample;
  private readonly own: Rows;
  private readonly onRow: VerifyOptions['onRow'];

  constructor(sample: Sample, own: Rows, onRow: VerifyOptions['onRow']) {
    this.sample = sample;
    this.own = own;
    this.onRow = onRow;
  }

  async add(client: string, dtype: Dtype, run: () => Promise<Rows>, ownResize = false): Promise<void> {
    const file = ONNX_FILES[dtype];
    this.onRow?.(client, file);
    const row = { client, file, dtype, through: ownResize ? ('its own resize' as const) : ('preprocess()' as const) };
    try {
      const found = compareRows(this.own, await run(), this.sample.labels);
      const fault = ownResize ? undefined : shortfall(dtype, found, this.own, true);
      this.rows.push({ ...row, ...found, ...(fault === undefined ? {} : { fault }) });
    } catch (error) {
      // A file that a client cannot run is a finding about that file; the other rows are still wanted.
      const fault = `cannot be run: ${(error as Error).message.split('\n')[0]}`;
      this.rows.push({ ...row, images: 0, largestDifference: Number.NaN, top1: 0, margins: [], fault });
    }
  }
}

function unfitFor(ports: FilePorts): string[] {
  if (isTransformers(ports)) return [];
  return [
    `transformers.js gives images [batch,3,height,width] as pixel_values and takes logits; these files have ${ports.input} and ${ports.output}`,
  ];
}

/** Adds all rows; gives the clients that are not installed. */
async function fill(table: Table, model: LoadedModel, folder: string, dtypes: readonly Dtype[]): Promise<string[]> {
  const side = model.preprocessing.imageSize;
  const { inputs, paths } = table.sample;
  const ports = portsOf(model.network);
  const [installed, web] = [await transformers(), await ortWeb()];
  // It gives images to pixel_values and takes logits; a network that came as ONNX has its own names.
  const hub = isTransformers(ports) ? installed : undefined;
  const hubInputs = hub && (await transformersInputs(hub, folder, paths));
  for (const dtype of dtypes) {
    const bytes = new Uint8Array(await readFile(join(folder, ONNX_FILES[dtype])));
    await table.add('onnxruntime-node', dtype, () => fileRows(bytes, inputs, side, [1], undefined, undefined, ports));
    // WASM, the engine of browsers, in Node.
    if (web)
      await table.add(`onnxruntime-web ${web.version}`, dtype, () =>
        fileRows(bytes, inputs, side, [1], web, { executionProviders: ['wasm'] }, ports),
      );
    if (!hub) continue;
    const client = `transformers.js ${hub.version}`;
    await table.add(client, dtype, () => transformersRows(hub, folder, dtype, inputs, side));
    await table.add(client, dtype, () => transformersRows(hub, folder, dtype, hubInputs!, side), true);
  }
  return [...(installed ? [] : ['@huggingface/transformers']), ...(web ? [] : ['onnxruntime-web'])];
}
