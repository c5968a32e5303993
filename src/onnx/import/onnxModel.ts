import { UserError } from '../../graph/errors.ts';
import { unknownName } from '../../graph/names.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { type Dense, denseOfMap, denseOfTokens } from '../../models/dense.ts';
import type { FeatureName, Features, Model } from '../../models/features.ts';
import type { NormStat } from '../../nn/layers.ts';
import { reshape, slice, transpose } from '../../ops/movement.ts';
import { BatchNormalization } from '../../ops/norm.ts';
import { behindMoves } from './answerOf.ts';
import { isEmbedding } from './embeddings.ts';
import { type Blocks, blocksOf, lastLinearInput, tokensBehind } from './blocks.ts';
import { layoutOf, liveNodes } from './landmarks.ts';
import type { OnnxFile } from './onnxFile.ts';
import type { ParamSpec } from '../../nn/scope.ts';
import { lookedAt, type TrainedWeights, weightsIn } from './trained.ts';
import { type Built, classesOf, type OpenGraph, openGraph } from './openGraph.ts';
import { placeLogitsOf } from './placeLogits.ts';
import { openShape, type Stage, stagesOf } from './stages.ts';
import type { FilePorts } from './filePorts.ts';
import { countParameters, producerOf } from './fileFacts.ts';
import { externalBytes } from './tensorData.ts';

/** Features by the names of values in the file; what is left out is found. */
export interface FeatureNames {
  readonly maps?: Readonly<Record<string, string>> | undefined;
  readonly tokens?: readonly string[] | undefined;
  readonly pooled?: string | undefined;
}

export interface OnnxOptions {
  /** Needed where the file leaves it open. */
  readonly imageSize?: number | undefined;
  readonly features?: FeatureNames | undefined;
  /** Tensors of the file that are trained, by name. Default: none, all are constants. */
  readonly trained?: ReadonlyMap<string, ParamSpec> | undefined;
}

/** A network that was read from an ONNX file. Its weights are constants unless they are trained; gradients flow to its input. */
export interface OnnxModel extends Model {
  readonly family: 'onnx';
  /** The spatial stages and the values that can be taken as their maps. */
  readonly stages: readonly Stage[];
  /** The batch size where the file was exported for one only. */
  readonly fixedBatch: number | undefined;
  /** Numbers in weights; running statistics do not count. */
  readonly parameters: number;
  /** Bytes of the weights that lie in files beside the model. */
  readonly externalBytes: number;
  /** What a user should know about how it was read. */
  readonly notes: readonly string[];
  /** A sigmoid over the classes: each is a question of its own, an image may have several. */
  readonly multilabel: boolean;
  /** Whether its logits are known to be such by the nodes that make them. */
  readonly hasLogits: boolean;
  readonly ports: FilePorts;
  /** The graph as it was looked at, with the weights that are trained by their names. */
  readonly probe: { readonly image: Tensor; readonly logits: Tensor; readonly weights: ReadonlyMap<string, Tensor> };
  /** Its output is an embedding by its name or by what makes it, unless somebody names its classes. */
  readonly embeds: boolean;
}

/** What follows from a sigmoid. */
export const SEVERAL = 'a sigmoid gives each class a probability of its own: an image may have several (multilabel)';

/** Names of values, by feature. */
interface Plan {
  readonly maps: Readonly<Record<string, string>>;
  readonly blocks: { readonly [K in keyof Blocks]: readonly string[] } | undefined;
  readonly pooled: string | undefined;
  readonly norm: string | undefined;
}

/** @throws UserError if the file cannot be imported, or a feature's name is not one of its values. */
export function onnxModel(file: OnnxFile, { imageSize, features = {}, trained }: OnnxOptions = {}): OnnxModel {
  const looked = trained && lookedAt(trained);
  const graph = openGraph(file, { imageSize, pooled: features.pooled, trained: looked });
  const { probe } = graph;
  const names = new Map<Tensor, string>();
  for (const [name, tensor] of probe.values) if (!names.has(tensor)) names.set(tensor, name);
  const stages = stagesOf(probe.logits, probe.image, names, graph.imageSize);
  const plan = planOf(file, probe, names, stages, features);
  const norms = normNodes(probe).length > 0;
  const blocks = plan.blocks;
  const offered: readonly (readonly [FeatureName, boolean])[] = [
    ['logits', true],
    ['placeLogits', placeLogitsOf(probe.logits, probe.image) !== undefined],
    ['tokens', blocks !== undefined],
    ['ffn', (blocks?.ffn.length ?? 0) > 0],
    ['mha', (blocks?.mha.length ?? 0) > 0],
    ['norm', plan.norm !== undefined],
    ['attention', (blocks?.attention.length ?? 0) > 0],
    ['maps', Object.keys(plan.maps).length > 0],
    ['pooled', plan.pooled !== undefined],
    ['embedding', plan.pooled !== undefined],
    ['dense', plan.norm !== undefined || Object.keys(plan.maps).length > 0],
    ['normStats', norms],
  ];
  return {
    family: 'onnx',
    config: {
      imageSize: graph.imageSize,
      classes: graph.classes,
      ...producerOf(file),
      ...patchOf(plan, probe, graph.imageSize),
      output: graph.output,
      maps: plan.maps,
    },
    classes: graph.classes,
    imageSize: graph.imageSize,
    features: offered.filter(([, there]) => there).map(([name]) => name),
    build: (scope, pixels) => buildFeatures(graph, plan, pixels, trained && weightsIn(scope, trained)),
    stages,
    fixedBatch: graph.port.batch,
    parameters: countParameters(file),
    externalBytes: file.graph.initializer.reduce((sum, one) => sum + externalBytes(one), 0),
    notes: notesOf(graph),
    multilabel: graph.answer.through === 'sigmoid',
    hasLogits: graph.answer.isProduct,
    ports: {
      ...{ input: graph.port.name, channelsLast: graph.port.channelsLast, batch: graph.port.batch },
      ...{ output: graph.output, through: graph.answer.through },
    },
    probe: { image: probe.image, logits: probe.logits, weights: looked?.tensors ?? new Map<string, Tensor>() },
    embeds: isEmbedding(graph.output, graph.answer),
  };
}

function planOf(
  file: OnnxFile,
  probe: Built,
  names: ReadonlyMap<Tensor, string>,
  stages: readonly Stage[],
  given: FeatureNames,
): Plan {
  const live = new Set(liveNodes(probe.logits, probe.image));
  const check = (key: string, name: string): string => {
    const found = probe.values.get(name);
    if (!found)
      throw unknownName(
        `value of ${file.where} for teacher.features.${key}`,
        name,
        near(name, [...probe.values.keys()], candidatesOf(key, stages)),
        '. understudy inspect lists the candidates',
      );
    if (key.startsWith('maps') && !layoutOf(found, probe.image.shape[0]!))
      throw new UserError(
        `${file.where}: teacher.features.${key}: wanted a square map [B,C,h,w], [B,h,w,C] or [B,N,D], got ${name} [${openShape(found)}]`,
      );
    if (key === 'pooled' && classesOf(found, probe.image.shape[0]!) === undefined)
      throw new UserError(
        `${file.where}: teacher.features.pooled: wanted one vector an image, [B,D], got ${name} [${openShape(found)}]`,
      );
    return name;
  };
  const maps = Object.entries(given.maps ?? {}).map(([stage, name]) => [stage, check(`maps.${stage}`, name)]);
  const automatic = stages.length >= 2 ? stages.map(({ name, candidates }) => [name, candidates.at(-1)!.name]) : [];
  const pooled = lastLinearInput(probe.logits, live);
  const found = blocksOf(probe.logits, probe.image);
  const like = found?.tokens[0];
  const vector = given.pooled === undefined ? (pooled ?? behindMoves(probe.logits)) : probe.values.get(given.pooled);
  const norm = vector && like && tokensBehind(vector, like);
  return {
    maps: Object.fromEntries([...automatic, ...maps]) as Record<string, string>,
    blocks: chosenBlocks(
      found,
      names,
      given.tokens?.map((name, i) => check(`tokens.${i}`, name)),
    ),
    pooled: given.pooled === undefined ? pooled && names.get(pooled) : check('pooled', given.pooled),
    norm: norm && names.get(norm),
  };
}

function chosenBlocks(
  found: Blocks | undefined,
  names: ReadonlyMap<Tensor, string>,
  tokens: readonly string[] | undefined,
): Plan['blocks'] {
  if (tokens) return { tokens, mha: [], ffn: [], attention: [] };
  if (!found) return undefined;
  const named = (list: readonly Tensor[]) => {
    const all = list.map((t) => names.get(t));
    return all.every((name) => name !== undefined) ? (all as string[]) : [];
  };
  const blocks = {
    tokens: named(found.tokens),
    mha: named(found.mha),
    ffn: named(found.ffn),
    attention: named(found.attention),
  };
  return blocks.tokens.length > 0 ? blocks : undefined;
}

/** The nearest first few of many names; where none is alike, those that inspect lists. */
function near(name: string, all: readonly string[], listed: readonly string[]): string[] {
  const alike = all.filter((one) => one.includes(name) || name.includes(one));
  return [alike, listed, all].find((names) => names.length > 0)!.slice(-8);
}

/** The values of a stage that can be its map; of a stage that there is not the last one of each. */
function candidatesOf(key: string, stages: readonly Stage[]): string[] {
  if (!key.startsWith('maps.')) return [];
  const stage = stages.find(({ name }) => key === `maps.${name}`);
  const listed = stage?.candidates ?? stages.flatMap(({ candidates }) => candidates.slice(-1));
  return listed.map(({ name }) => name);
}

function buildFeatures(graph: OpenGraph, plan: Plan, pixels: Tensor, trained?: TrainedWeights): Features {
  const { blocks } = plan;
  const lists = blocks ? [...blocks.tokens, ...blocks.mha, ...blocks.ffn, ...blocks.attention] : [];
  const wanted = [...Object.values(plan.maps), ...lists, plan.pooled, plan.norm].filter((name) => name !== undefined);
  const { logits, values, parts, joined } = graph.build(pixels, wanted, trained);
  if (trained?.training && parts.length > 1)
    throw new UserError(
      `${graph.where}: wanted a network for any number of images to train it, got one for batches of ${graph.port.batch} alone. Export it with an open batch dimension (dynamic_axes)`,
    );
  const B = pixels.shape[0]!;
  const get = (name: string) => values.get(name)!;
  const all = (key: keyof Blocks) => blocks![key].map(get);
  // Of images of another size than the file's the last map may be a single place, which is no map.
  const laidOut = Object.entries(plan.maps).filter(([, name]) => layoutOf(get(name), B));
  const maps = laidOut.map(([stage, name]) => [stage, asMap(get(name), B)] as const);
  // The statistics are those of the whole batch.
  const seen = parts.map(normNodes);
  const places = parts.map((part) => placeLogitsOf(part.logits, part.image));
  const norms = seen[0]!.map((norm, at) => ({ ...norm, input: joined((_, part) => seen[part]![at]!.input) }));
  const pooled = plan.pooled === undefined ? undefined : flat(get(plan.pooled));
  const dense = denseOf(plan.norm === undefined ? undefined : get(plan.norm), maps.at(-1)?.[1], B);
  return {
    logits,
    ...(pooled ? { pooled, embedding: pooled } : {}),
    ...(dense ? { dense } : {}),
    ...(places[0] ? { placeLogits: joined((_, part) => places[part]!) } : {}),
    ...(plan.norm === undefined ? {} : { norm: get(plan.norm) }),
    ...(maps.length > 0 ? { maps: Object.fromEntries(maps) } : {}),
    ...(blocks ? { tokens: all('tokens'), ...gridOf(get(blocks.tokens[0]!), B) } : {}),
    ...(blocks && blocks.ffn.length > 0 ? { ffn: all('ffn'), mha: all('mha') } : {}),
    ...(blocks && blocks.attention.length > 0 ? { attention: all('attention').map((t) => perHead(t, B)) } : {}),
    ...(norms.length > 0 ? { normStats: norms } : {}),
  };
}

/** [B,C,h,w] whatever the layout; class tokens are left out. */
function asMap(x: Tensor, batch: number): Tensor {
  const { kind, size, channels, prefix } = layoutOf(x, batch)!;
  if (kind === 'maps') return x;
  if (kind === 'mapsLast') return transpose(x, [0, 3, 1, 2]);
  const patches = slice(x, 1, prefix, x.shape[1]!);
  return transpose(reshape(patches, [batch, size, size, channels]), [0, 3, 1, 2]);
}

/** Tokens after the last norm where there are some, else the last map. */
function denseOf(norm: Tensor | undefined, map: Tensor | undefined, batch: number): Dense | undefined {
  const layout = norm && layoutOf(norm, batch);
  if (layout?.kind === 'tokens')
    return denseOfTokens(norm!, { rows: layout.size, columns: layout.size, prefix: layout.prefix });
  return map && denseOfMap(map);
}

function gridOf(tokens: Tensor, batch: number): Pick<Features, 'grid'> {
  const layout = layoutOf(tokens, batch);
  return layout ? { grid: { rows: layout.size, columns: layout.size, prefix: layout.prefix } } : {};
}

const flat = (x: Tensor): Tensor => (x.shape.slice(2).every((n) => n === 1) ? reshape(x, x.shape.slice(0, 2)) : x);

/** Attention of [B*H,N,N], as PyTorch's own layer has it, is [B,H,N,N]. */
function perHead(x: Tensor, batch: number): Tensor {
  const [rows, N, M] = x.shape as [number, number, number];
  return x.shape.length === 3 ? reshape(x, [batch, rows / batch, N, M]) : x;
}

function normNodes({ logits, image }: Built): NormStat[] {
  return liveNodes(logits, image)
    .filter(({ op }) => op === BatchNormalization)
    .map(({ label, inputs }) => ({ name: label, input: inputs[0]!, mean: inputs[3]!, variance: inputs[4]! }));
}

/** Where tokens lie on a grid, the side of a patch in pixels. */
function patchOf({ blocks }: Plan, { values, image }: Built, imageSize: number): { readonly patchSize?: number } {
  const layout = blocks && layoutOf(values.get(blocks.tokens[0]!)!, image.shape[0]!);
  return layout ? { patchSize: imageSize / layout.size } : {};
}

function notesOf({ port, answer: { through }, output }: OpenGraph): string[] {
  return [
    ...(through ? [`output ${output} is a ${through}; the logits are what goes into it`] : []),
    ...(through === 'sigmoid' ? [SEVERAL] : []),
    ...(port.batch === undefined
      ? []
      : [`exported for batches of ${port.batch} only; other sizes are put together from these`]),
    ...(port.channelsLast ? ['takes images as [batch,height,width,3]; pixels are turned round for it'] : []),
  ];
}
