import { naming } from '../graph/errors.ts';
import { append } from '../graph/lists.ts';
import { distinctNames } from './config/classNames.ts';
import { buildModel, type ModelConfig } from '../models/index.ts';
import { type ForeignConfig, readForeignConfig } from './config/foreignConfig.ts';
import { encoderPreprocessing } from './preprocessing/encoderPreprocessing.ts';
import { chosenPreprocessing } from './preprocessing/foreignPreprocessor.ts';
import type { ReadPreprocessing } from './preprocessing/preprocessorValues.ts';
import type { Preprocessing, SavedModel } from './savedModel.ts';
import type { Weight } from './tensors/weight.ts';
import { renameToOurs } from './names/rename.ts';
import { joinBlocks, joinShapes } from './names/rowBlocks.ts';
import { recogniseModel } from './recogniseModel.ts';
import type { ModelHints } from './shapeReader.ts';
import type { WeightFiles } from './tensors/weightFiles.ts';
import { positionsFor } from './fitPositions.ts';

/** A model that Understudy did not write. */
export interface ForeignModel extends SavedModel {
  /** What was assumed or is done otherwise than in its own library. */
  readonly notes: readonly string[];
}

/** ImageNet's, and torchvision's and most of timm's crop: what a bare file is assumed to want. */
const ASSUMED = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], evalCropRatio: 0.875 } as const;

/** What a user says of a foreign model; it wins over what its files say. */
export interface ForeignHints extends ModelHints, Partial<Omit<Preprocessing, 'imageSize'>> {
  /** Class names in the order of the logits; "index": their numbers. */
  readonly labels?: readonly string[] | 'index';
}

/** The files of a model that Understudy did not write, wherever they lie. */
export interface ForeignFiles {
  /** What messages call the model. */
  readonly path: string;
  /** What messages call a file beside its weights. */
  readonly where: (name: string) => string;
  weights(): Promise<WeightFiles>;
  /** Undefined where there is no such file beside its weights. */
  json(name: string): Promise<Record<string, unknown> | undefined>;
}

/**
 * Reads safetensors with a config.json of transformers or timm, if there is one. Names are recognised and become ours, the
 * architecture is read off the shapes.
 * @param asked settings that win over what the files say.
 * @throws UserError for whatever cannot be read.
 */
export async function foreignModel(given: ForeignFiles, asked: ForeignHints = {}): Promise<ForeignModel> {
  const { path } = given;
  const files = await given.weights();
  const { convention, places, passedOver } = renameToOurs([...files.shapes.keys()], path);
  const config = await readConfigs(given);
  const hints = { ...config?.hints, ...asked };
  // Only positions tie a model to an input side: a CNN takes the asked one, a ViT is read as it was saved and then resized.
  const shapes = joinShapes(files.shapes, places, convention);
  const model = recogniseModel(convention, shapes, hints, path);
  // Refuses what does not fit together before anything is read or resized.
  naming(path, () => buildModel(model));
  const said = config?.check(model) ?? [];
  const weights = joinBlocks(await files.read(new Set(places.keys())), places, convention);
  const prepared = preparation(model, config, asked);
  const notes = [...prepared.notes, ...said, ...guessedHeads(model, hints)];
  if (passedOver > 0) notes.push(`${passedOver} tensors of ${convention.passed!.what} are passed over`);
  append(notes, fitPositions(model, weights));
  const labels = labelsFor(model, asked.labels, config, notes);
  append(notes, assumed({ ...prepared, ...asked }));
  const multilabel = config?.multilabel;
  if (prepared.flipsChannels) flipChannels(weights);
  const preprocessing = chosenPreprocessing({ ...ASSUMED, ...prepared }, asked, model.imageSize)!;
  return { model, classes: labels, multilabel, preprocessing, weights, notes };
}

/** What the files say of it, or how a known encoder's images are prepared where they say nothing. */
function preparation(
  model: ModelConfig,
  config: ForeignConfig | undefined,
  { mean, std }: ForeignHints,
): ReadPreprocessing {
  const said = config?.preprocessing ?? { notes: [] };
  if (model.family !== 'encoder' || said.mean) return said;
  const usual = encoderPreprocessing(model.kind, model.imageSize);
  const note = `no preprocessor_config.json: images are prepared as those of ${model.kind} are: ${usual.said}`;
  return { ...usual.read, notes: [...said.notes, ...(mean && std ? [] : [note])] };
}

/** Heads leave no trace in the weights: with another number of them every answer is another one. */
const guessedHeads = (model: ModelConfig, { heads }: ModelHints): string[] =>
  !('heads' in model) || heads !== undefined
    ? []
    : [
        `the files do not say how many attention heads it has: ${model.heads} are taken, as the known models of width ${model.width} have. Where it has others, say so in a config.json beside it: "num_attention_heads"`,
      ];

/** What nobody says of the preprocessing. */
function assumed({ mean, std, evalCropRatio }: Partial<Preprocessing>): string[] {
  const parts = [
    ...(mean ? [] : ["ImageNet's mean"]),
    ...(std ? [] : [mean ? "ImageNet's std" : 'std']),
    ...(evalCropRatio ? [] : [`a crop of ${ASSUMED.evalCropRatio}`]),
  ];
  return mean && std ? [] : [`no preprocessor_config.json: ${parts.join(' and ')} are assumed`];
}

/** The layers that read pixels, of our families. */
const FIRST_LAYERS = ['patch_embed.proj.weight', 'conv1.weight', 'stem.conv.weight'];

/** A network that takes blue, green, red becomes one that takes red, green, blue: [C,3,k,k] of its first layer. */
function flipChannels(weights: Map<string, Weight>): void {
  for (const name of FIRST_LAYERS) {
    const weight = weights.get(name);
    if (!weight) continue;
    const { shape, data } = weight;
    const plane = data.length / (shape[0]! * 3);
    const turned = data.map((_, at) => {
      const channel = Math.floor(at / plane) % 3;
      return data[at + (2 - 2 * channel) * plane]!;
    });
    weights.set(name, { shape, data: turned });
  }
}

async function readConfigs({ json, where }: ForeignFiles): Promise<ForeignConfig | undefined> {
  const [config, preprocessor] = ['config.json', 'preprocessor_config.json'] as const;
  const [said, prepared] = [await json(config), await json(preprocessor)];
  return said || prepared
    ? readForeignConfig(said, prepared, where(said ? config : preprocessor), where(preprocessor))
    : undefined;
}

/** Position embeddings saved for another input side are resized. */
function fitPositions(model: ModelConfig, weights: Map<string, Weight>): string[] {
  const positions = weights.get('pos_embed');
  const resized = positions && positionsFor(model, positions);
  if (resized === undefined) return [];
  weights.set('pos_embed', resized.weight);
  return [
    `position embeddings resized from ${resized.from} x ${resized.from} to ${resized.to} x ${resized.to} patches`,
  ];
}

/** Names from the config where they are as many as the head has rows; the file says how many classes there are. */
function labelsFor(
  { classes }: ModelConfig,
  given: ForeignHints['labels'],
  config: ForeignConfig | undefined,
  notes: string[],
): readonly string[] {
  if (classes === 0) return [];
  if (given === 'index') return Array.from({ length: classes }, (_, i) => String(i));
  if (given) return distinctNames(given, notes);
  const labels = config?.labels;
  if (labels?.length === classes) return distinctNames(labels, notes);
  if (labels)
    notes.push(`the config names ${labels.length} classes, the classifier has ${classes}: names are not used`);
  else
    notes.push(
      'the files do not name the classes: LABEL_0, LABEL_1, ... are taken. Name them: --classes FILE, or index for those of the data, in its order; of a teacher: --set teacher.classes=FILE',
    );
  return Array.from({ length: classes }, (_, i) => `LABEL_${i}`);
}
