import { input } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { concat, pad, slice } from '../../ops/movement.ts';
import { type Answer, answerOf } from './answerOf.ts';
import { EMBEDDING_NAMES } from './embeddings.ts';
import { type ImagePort, imagePortOf, portPixels } from './imagePort.ts';
import { type ImportedGraph, importGraph } from './importGraph.ts';
import type { OnnxFile } from './onnxFile.ts';
import type { TrainedWeights } from './trained.ts';

/** One tensor of each part, put together to the rows of the whole batch. */
type Joined = (of: (part: Built, index: number) => Tensor) => Tensor;

/** A file's graph that can be imported for any batch size. */
export interface OpenGraph {
  /** What messages call the file. */
  readonly where: string;
  readonly port: ImagePort;
  readonly imageSize: number;
  readonly classes: number;
  /** The output's name, and what it is; where it is a softmax or sigmoid, the logits are what goes into it. */
  readonly output: string;
  readonly answer: Answer;
  /** Imported once, for looking at: the image and all values. */
  readonly probe: Built;
  /** The values of the names, on these pixels; and a tensor of every part as one. */
  build(
    pixels: Tensor,
    names: readonly string[],
    trained?: TrainedWeights,
  ): { logits: Tensor; values: Map<string, Tensor>; parts: readonly Built[]; joined: Joined };
}

/** One import. */
export interface Built {
  readonly image: Tensor;
  readonly logits: Tensor;
  readonly values: ReadonlyMap<string, Tensor>;
}

/** Our choice: a batch that is no extent of a usual model, so that the batch is told from other extents. */
const PROBE_BATCH = 5;

export interface OpenOptions {
  readonly imageSize?: number | undefined;
  /** A value that is the answer of a file without an output of shape [B,K]. */
  readonly pooled?: string | undefined;
  /** What stands for the file's weights while its shapes are looked at. */
  readonly trained?: TrainedWeights | undefined;
}

/** @throws UserError if the file is no image classifier or encoder that can be imported. */
export function openGraph(file: OnnxFile, given: OpenOptions = {}): OpenGraph {
  const port = imagePortOf(file);
  const imageSize = sizeOf(file, port, given.imageSize);
  const importAt = (image: Tensor, outputs: readonly string[], trained = given.trained) =>
    importGraph(file, new Map([[port.name, portPixels(port, image)]]), outputs, trained);
  const image = input('pixel_values', [port.batch ?? PROBE_BATCH, 3, imageSize, imageSize]);
  const { output, outputs, graph } = chooseOutput(file, image, importAt, given.pooled);
  const answer = answerOf(valueNamed(graph, output)!);
  const { logits } = answer;
  const probe = { image, logits, values: graph.values };
  const importOne = (pixels: Tensor, trained?: TrainedWeights): Built => {
    const built = importAt(pixels, outputs, trained);
    return { image: pixels, logits: answerOf(valueNamed(built, output)!).logits, values: built.values };
  };
  return {
    where: file.where,
    port,
    imageSize,
    classes: logits.shape[1]!,
    output,
    answer,
    probe,
    build: (pixels, names, trained) => {
      const parts = buildParts(port, probe, pixels, (part) => importOne(part, trained));
      const joined: Joined = (of) => rows(concat(parts.map(of), 0), pixels.shape[0]!, parts);
      const values = new Map(names.map((name) => [name, joined((part) => part.values.get(name)!)]));
      return { logits: joined(({ logits }) => logits), values, parts, joined };
    },
  };
}

function sizeOf({ where }: OnnxFile, port: ImagePort, given: number | undefined): number {
  if (port.imageSize !== undefined && given !== undefined && port.imageSize !== given)
    throw new UserError(
      `${where}: wanted images of ${port.imageSize} px, which the file fixes, got ${given} from a setting or from the preprocessor_config.json beside it. Leave the setting out, or correct the file`,
    );
  const size = port.imageSize ?? given;
  if (size === undefined)
    throw new UserError(
      `${where}: the file leaves the image size open. Put the model's preprocessor_config.json beside it, or give the size: --image-size 224 (of a teacher: --set teacher.imageSize=224)`,
    );
  return size;
}

const valueNamed = ({ outputs, values }: ImportedGraph, name: string): Tensor | undefined =>
  outputs.get(name) ?? values.get(name);

interface Chosen {
  /** The answer. */
  readonly output: string;
  /** What is imported for it. */
  readonly outputs: readonly string[];
  readonly graph: ImportedGraph;
}

/** The output called logits, else the only one of shape [B,K], else one with an embedding's name, else the value that was named. */
function chooseOutput(
  file: OnnxFile,
  image: Tensor,
  importAt: (image: Tensor, outputs: readonly string[]) => ImportedGraph,
  pooled: string | undefined,
): Chosen {
  const names = file.graph.output.map(({ name }) => name ?? '');
  const wanted = names.includes('logits') ? ['logits'] : names;
  const graph = importAt(image, wanted);
  const fits = (tensor: Tensor | undefined) => tensor && classesOf(tensor, image.shape[0]!) !== undefined;
  const fitting = wanted.filter((name) => fits(graph.outputs.get(name)));
  const output = fitting.length === 1 ? fitting[0] : EMBEDDING_NAMES.find((name) => fitting.includes(name));
  if (output !== undefined) return { output, outputs: [output], graph };
  if (pooled !== undefined && fits(graph.values.get(pooled))) return { output: pooled, outputs: wanted, graph };
  const shown = wanted.map((name) => `${name} [${graph.outputs.get(name)!.shape}]`).join(', ');
  throw new UserError(
    `${file.where}: wanted one output of shape [batch,classes], or one that is called logits, got ${shown || 'none'} for a batch of ${image.shape[0]}. Export the classifier with its logits as the output; of an encoder name the value of shape [batch,width] that is its embedding: --set teacher.features.pooled=NAME${pooledNames(graph, image)}`,
  );
}

/** Values that can be an embedding, the last ones. */
function pooledNames({ values }: ImportedGraph, image: Tensor): string {
  const found = [...values].filter(([, tensor]) => tensor.shape.length === 2 && classesOf(tensor, image.shape[0]!));
  return found.length === 0
    ? ''
    : `; there are ${found
        .slice(-4)
        .map(([name, { shape }]) => `${name} [B,${shape[1]}]`)
        .join(', ')}`;
}

/** The number of classes of [B,K] or [B,K,1,1]. */
export function classesOf({ shape, dtype }: Tensor, batch: number): number | undefined {
  const rest = shape.slice(2).every((n) => n === 1);
  return dtype === 'float32' && shape.length >= 2 && shape[0] === batch && rest ? shape[1] : undefined;
}

/**
 * A file with an open batch is imported at the size that is asked for. One that was exported for a fixed batch is too, if
 * each value then just has more rows; else its numbers for shapes are only right for that batch, and it is imported several
 * times side by side.
 */
function buildParts(port: ImagePort, probe: Built, pixels: Tensor, importOne: (pixels: Tensor) => Built): Built[] {
  const B = pixels.shape[0]!;
  const fixed = port.batch;
  if (fixed === undefined || fixed === B) return [importOne(pixels)];
  const whole = attempt(() => importOne(pixels));
  if (whole && onlyMoreRows(probe, whole, B / fixed)) return [whole];
  const count = Math.ceil(B / fixed);
  const full = pad(pixels, [0, 0, 0, 0], [count * fixed - B, 0, 0, 0]);
  return Array.from({ length: count }, (_, i) => importOne(slice(full, 0, i * fixed, (i + 1) * fixed)));
}

function attempt(build: () => Built): Built | undefined {
  try {
    return build();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function onlyMoreRows(probe: Built, built: Built, times: number): boolean {
  return [...probe.values].every(([name, was]) => {
    const now = built.values.get(name);
    return (
      now?.shape.length === was.shape.length &&
      now.shape.every((n, axis) => n === was.shape[axis]! * (axis === 0 ? times : 1))
    );
  });
}

/** Without the rows that filled up the last part. */
function rows(x: Tensor, batch: number, parts: readonly Built[]): Tensor {
  const made = parts.length * parts[0]!.image.shape[0]!;
  return made > batch ? slice(x, 0, 0, (x.shape[0]! * batch) / made) : x;
}
