import { attentionDistance, classAttention } from '../../analysis/attention.ts';
import type { Rows } from '../../analysis/cka.ts';
import { pooledLayers } from '../../analysis/layers.ts';
import { type ImageList, imageName } from '../../data/dataset.ts';
import type { Engine, EngineTensor } from '../../engine/contract.ts';
import { checkRows } from '../../engine/finiteAnswer.ts';
import { input } from '../../graph/build.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import { closeProgram } from '../../program/program.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import { onceOver } from '../datasets/loaders.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';

/** What the analysis needs of one model over the images: a row for each one that could be read. */
export interface ModelFeatures {
  /** Pooled layers, in the order of the network; the last one are the logits. */
  readonly layers: ReadonlyMap<string, Rows>;
  /** Mean attention distance [layer][head] in pixels; undefined for a network without attention. */
  readonly distances: readonly (readonly number[])[] | undefined;
  /** Places in the list of the images that could be read, ascending. */
  readonly seen: readonly number[];
  readonly bad: ReadonlyMap<string, string>;
}

const [LAYER, DISTANCE] = ['layer.', 'distance.'];

/** Runs a model over images through its own preprocessing and keeps one vector an image of each layer. */
export async function modelFeatures(
  model: LoadedModel,
  list: ImageList,
  engine: Engine,
  onProgress?: (images: number) => void,
): Promise<ModelFeatures> {
  const { imageSize } = model.preprocessing;
  const batch = Math.min(imageSize <= 64 ? 50 : 8, list.paths.length);
  const outputs = wantedOutputs(model, batch);
  const loader = createLoader(onceOver(list, evalTransform(model.preprocessing), batch));
  const compiled = await engine.compile(closeProgram(outputs));
  try {
    const into = new Map([...outputs].map(([name, { shape }]) => [name, engine.empty('float32', shape)]));
    const rows = new RowStore(model.path, outputs, list.paths.length);
    for await (const loaded of loader.batches()) {
      const pixels = engine.tensor('float32', [batch, 3, imageSize, imageSize], loaded.images);
      await compiled.run({ pixel_values: pixels }, Object.fromEntries(into));
      await rows.add(into, loaded.indices, loaded.valid, (index) => imageName(list, index));
      loaded.release();
      onProgress?.(rows.count);
    }
    return { ...rows.result(), bad: loader.bad };
  } finally {
    await compiled.dispose();
    await loader.close();
  }
}

/** `layer.<name>` [B,D] and `distance.<block>` [B,H]. */
function wantedOutputs({ network, weights }: LoadedModel, batch: number): Map<string, Tensor> {
  const pixels = input('pixel_values', [batch, 3, network.imageSize, network.imageSize]);
  const features = buildFrozen(network, pixels, weights);
  const layers = [...pooledLayers(features)].map(([name, tensor]): [string, Tensor] => [`${LAYER}${name}`, tensor]);
  const patch = Number(network.config.patchSize);
  const distances = (features.attention ?? []).map((attention, i): [string, Tensor] => [
    `${DISTANCE}${i}`,
    attentionDistance(attention, features.grid!, patch),
  ]);
  return new Map([...layers, ...distances]);
}

/** Collects rows of outputs by the image's place in the list, so that batches may come in any partition. */
class RowStore {
  readonly #rows: ReadonlyMap<string, Rows>;
  readonly #valid: Uint8Array;
  readonly #model: string;
  count = 0;

  constructor(model: string, outputs: ReadonlyMap<string, Tensor>, images: number) {
    this.#model = model;
    this.#valid = new Uint8Array(images);
    this.#rows = new Map(
      [...outputs].map(([name, { shape }]) => {
        const width = sizeOf(shape.slice(1));
        return [name, { width, data: new Float32Array(images * width) }];
      }),
    );
  }

  async add(
    into: ReadonlyMap<string, EngineTensor>,
    indices: Int32Array,
    valid: Uint8Array,
    image: (index: number) => string,
  ): Promise<void> {
    const used = indices.map((index, row) => (valid[row] ? index : -1));
    for (const [name, { width, data }] of this.#rows) {
      const values = (await into.get(name)!.read()) as Float32Array;
      checkRows(values, name, { model: this.#model, image }, used);
      indices.forEach((index, row) => {
        if (valid[row]) data.set(values.subarray(row * width, (row + 1) * width), index * width);
      });
    }
    indices.forEach((index, row) => {
      if (!valid[row]) return;
      this.#valid[index] = 1;
      this.count++;
    });
  }

  result(): Omit<ModelFeatures, 'bad'> {
    const seen = [...this.#valid.keys()].filter((i) => this.#valid[i]);
    const kept = [...this.#rows].map(([name, { width, data }]): [string, Rows] => {
      const out = new Float32Array(seen.length * width);
      seen.forEach((index, row) => void out.set(data.subarray(index * width, (index + 1) * width), row * width));
      return [name, { width, data: out }];
    });
    const part = (prefix: string) => kept.filter(([name]) => name.startsWith(prefix));
    const distances = part(DISTANCE).map(([, rows]) => columnMeans(rows));
    return {
      layers: new Map(part(LAYER).map(([name, rows]) => [name.slice(LAYER!.length), rows])),
      distances: distances.length > 0 ? distances : undefined,
      seen,
    };
  }
}

function columnMeans({ width, data }: Rows): number[] {
  const sums = new Array<number>(width).fill(0);
  data.forEach((value, at) => {
    sums[at % width]! += value;
  });
  return sums.map((sum) => (sum * width) / data.length);
}

/** The class token's attention in the last block over one image, as the model sees it. */
export interface ClassAttention {
  readonly rows: number;
  readonly columns: number;
  /** Side of a patch in pixels of the input. */
  readonly patch: number;
  /** [head][patch], row by row; what is missing to 1 goes to the class token itself. */
  readonly heads: readonly (readonly number[])[];
  /** Mean over the heads. */
  readonly mean: readonly number[];
}

/** Undefined for a network without attention. `pixels` is the input [1,3,S,S]. */
export async function classAttentionOf(
  { network, weights }: LoadedModel,
  pixels: Float32Array,
  engine: Engine,
): Promise<ClassAttention | undefined> {
  const shape = [1, 3, network.imageSize, network.imageSize];
  const { attention, grid } = buildFrozen(network, input('pixel_values', shape), weights);
  if (!attention || !grid) return undefined;
  const output = classAttention(attention.at(-1)!, grid);
  const compiled = await engine.compile(closeProgram({ output }));
  try {
    const target = engine.empty('float32', output.shape);
    await compiled.run({ pixel_values: engine.tensor('float32', shape, pixels) }, { output: target });
    const values = Array.from((await target.read()) as Float32Array);
    const patches = grid.rows * grid.columns;
    const heads = Array.from({ length: output.shape[1]! }, (_, h) => values.slice(h * patches, (h + 1) * patches));
    const mean = Array.from(
      { length: patches },
      (_, j) => heads.reduce((sum, head) => sum + head[j]!, 0) / heads.length,
    );
    return { rows: grid.rows, columns: grid.columns, patch: Number(network.config.patchSize), heads, mean };
  } finally {
    await compiled.dispose();
  }
}
