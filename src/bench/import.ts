import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ort } from '../engine/onnxRuntimeNode.ts';
import { append, largest } from '../graph/lists.ts';
import { grad } from '../autodiff/grad.ts';
import { ortNode } from '../engine/ortNode.ts';
import { toFloat32 } from '../formats/tensors/safetensors.ts';
import { readSafetensors } from '../formats/tensors/safetensorsNode.ts';
import { floats, input } from '../graph/build.ts';
import { UserError } from '../graph/errors.ts';
import { unknownName } from '../graph/names.ts';
import { onnxModel } from '../onnx/import/onnxModel.ts';
import { readOnnx } from '../onnx/import/readOnnxNode.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { buildFrozen } from '../program/evalProgram.ts';
import { closeProgram } from '../program/program.ts';
import { loadModelReference } from '../run/models/reference.ts';
import type { LoadedModel } from '../run/models/loaded.ts';
import { findTorch, median, runScript, tunedBlas } from './peer.ts';

/** torchvision's names; the last one comes as a state dict, the others as ONNX files. */
export const FULL_SIZE: readonly string[] = [
  ...['resnet18', 'resnet50', 'regnet_y_400mf', 'mobilenet_v2', 'mobilenet_v3_small', 'efficientnet_b0'],
  ...['convnext_tiny', 'vit_b_16', 'swin_t', 'regnet_y_16gf'],
];
const AS_WEIGHTS: readonly string[] = ['regnet_y_16gf'];

/** What counts as equal; the gradient relative to its largest element, logits too where one is beyond 1. */
const [LOGITS, GRADIENT] = [1e-4, 1e-3];

const [SIDE, CLASSES] = [224, 1000];
const PIXELS = 3 * SIDE ** 2;

/** Gradient of a weighted sum of the logits to the pixels, relative to its largest element: the median image and the worst. */
export interface Spread {
  readonly median: number;
  readonly worst: number;
}

export interface ImportRow {
  readonly model: string;
  readonly batch: number;
  /** The largest logit, absolute. */
  readonly scale: number;
  /** Largest absolute difference of a logit to ONNX Runtime's own run of the file; null where there is no file. */
  readonly runtime: number | null;
  /** The same to PyTorch in float64. */
  readonly torch: number;
  /** To PyTorch in float32 and in float64, and of PyTorch in float32 to itself in float64 over all images. */
  readonly gradient: { readonly toFloat32: Spread; readonly toFloat64: Spread; readonly torch: Spread };
  readonly agrees: boolean;
}

export interface ImportBench {
  readonly rows: readonly ImportRow[];
  readonly agrees: boolean;
}

export interface ImportSettings {
  /** Some of FULL_SIZE. */
  readonly models: readonly string[];
  /** Of the exporter. */
  readonly opset: number;
  /** Constant parameters and BatchNorm statistics stay as torchvision has them. */
  readonly raw: boolean;
  /** How many of the 7 images PyTorch computes, which takes longest. */
  readonly judged: number;
}

/** Has PyTorch write models of full size with random weights, imports them and compares what they compute. */
export async function benchImport({ models, opset, raw, judged }: ImportSettings): Promise<ImportBench> {
  const python = findTorch()?.python;
  for (const model of models) if (!FULL_SIZE.includes(model)) throw unknownName('model', model, FULL_SIZE);
  if (!python) throw new UserError('bench import: wanted a Python with torch and torchvision, got none');
  const rows: ImportRow[] = [];
  for (const model of models) {
    const out = mkdtempSync(join(tmpdir(), 'understudy-import-'));
    try {
      const batch = AS_WEIGHTS.includes(model) ? 1 : 7;
      const flags = { model, out, opset, batch, calm: raw ? 0 : 1, judged: Math.min(judged, batch) };
      const args = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, String(value)]);
      await runScript(python, 'export.py', args, { ...tunedBlas(), OMP_WAIT_POLICY: 'PASSIVE' });
      append(rows, await rowsOf(model, out));
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  }
  return { rows, agrees: rows.every(({ agrees }) => agrees) };
}

type Golden = ReadonlyMap<string, Float32Array>;

async function rowsOf(name: string, dir: string): Promise<ImportRow[]> {
  const { tensors } = await readSafetensors(join(dir, `${name}.golden.safetensors`));
  const golden = new Map([...tensors].map(([key, tensor]) => [key, toFloat32(tensor)]));
  if (AS_WEIGHTS.includes(name))
    return [await compare(name, await loadModelReference(join(dir, `${name}.safetensors`)), golden, 1)];
  const path = join(dir, `${name}.onnx`);
  const model = { network: onnxModel(readOnnx(path), {}), weights: new Map() };
  const rows: ImportRow[] = [];
  for (const batch of [1, 7]) rows.push(await compare(name, model, golden, batch, path));
  return rows;
}

async function compare(
  model: string,
  loaded: Pick<LoadedModel, 'network' | 'weights'>,
  golden: Golden,
  batch: number,
  path?: string,
): Promise<ImportRow> {
  const judged = Math.min(batch, golden.get('logits')!.length / CLASSES);
  const first = (values: Float32Array, images: number, size: number) => values.subarray(0, images * size);
  const part = (key: string, images: number, size: number) => first(golden.get(key)!, images, size);
  const pixels = part('pixels', batch, PIXELS);
  const found = await computed(loaded, batch, pixels, part('weight', batch, CLASSES));
  const own = path === undefined ? undefined : await runtimeLogits(path, batch, pixels);
  const logits = part('logits', judged, CLASSES);
  const scale = magnitude(own ?? logits);
  const gradient = first(found.gradient, judged, PIXELS);
  const row = {
    model,
    batch,
    scale,
    runtime: own ? difference(found.logits, own) : null,
    torch: difference(first(found.logits, judged, CLASSES), logits),
    gradient: {
      toFloat32: spread(gradient, part('gradient32', judged, PIXELS)),
      toFloat64: spread(gradient, part('gradient64', judged, PIXELS)),
      torch: spread(golden.get('gradient32')!, golden.get('gradient64')!),
    },
  };
  const wanted = LOGITS * Math.max(1, scale);
  return { ...row, agrees: (row.runtime ?? row.torch) <= wanted && gradientAgrees(row) };
}

/**
 * Rounding decides on which side of its edge a ReLU or a maximum near it is, so that PyTorch's own float32 gradient is further
 * than 1e-3 from its float64 one for most CNNs. Our choice: there ours may be twice as far.
 */
function gradientAgrees({ batch, gradient: { toFloat32, toFloat64, torch } }: Omit<ImportRow, 'agrees'>): boolean {
  const near = (key: keyof Spread) => Math.min(toFloat32[key], toFloat64[key]) <= Math.max(GRADIENT, 2 * torch[key]);
  return near('worst') && (batch === 1 || near('median'));
}

/** Differences of gradients [B,3,S,S] by image. */
function spread(found: Float32Array, wanted: Float32Array): Spread {
  const each = Array.from({ length: wanted.length / PIXELS }, (_, i) => {
    const image = (values: Float32Array) => values.subarray(i * PIXELS, (i + 1) * PIXELS);
    return difference(image(found), image(wanted)) / magnitude(image(wanted));
  });
  return { median: median(each), worst: largest(each) };
}

/** Logits, and the gradient of their weighted sum to the pixels, by the engine that trains. */
async function computed(
  { network, weights }: Pick<LoadedModel, 'network' | 'weights'>,
  batch: number,
  images: Float32Array,
  weight: Float32Array,
): Promise<{ logits: Float32Array; gradient: Float32Array }> {
  const shape = [batch, 3, SIDE, SIDE];
  const pixels = input('pixels', shape);
  const { logits } = buildFrozen(network, pixels, weights);
  const [gradient] = grad(reduceSum(mul(logits, floats([batch, CLASSES], weight))), [pixels]);
  const engine = ortNode();
  const compiled = await engine.compile(closeProgram({ logits, gradient: gradient! }));
  const into = { logits: engine.empty('float32', logits.shape), gradient: engine.empty('float32', shape) };
  await compiled.run({ pixels: engine.tensor('float32', shape, images) }, into);
  const read = async (port: keyof typeof into) => (await into[port].read()) as Float32Array;
  const found = { logits: await read('logits'), gradient: await read('gradient') };
  await compiled.dispose();
  return found;
}

/** ONNX Runtime's own run of the file. */
async function runtimeLogits(path: string, batch: number, images: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)), { logSeverityLevel: 3 });
  const pixels = new ort.Tensor('float32', images, [batch, 3, SIDE, SIDE]);
  const { logits } = await session.run({ pixels });
  await session.release();
  return logits!.data as Float32Array;
}

const magnitude = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Infinite where the sizes differ, and a NaN stays one, so that neither passes for equal. */
function difference(found: Float32Array, wanted: Float32Array): number {
  if (found.length !== wanted.length) return Number.POSITIVE_INFINITY;
  return found.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i]!)), 0);
}
