import { distinctNames } from '../../formats/config/classNames.ts';
import { labelsOf, modernTimm, timmCard } from '../../formats/config/foreignConfig.ts';
import { chosenPreprocessing, preprocessingOf } from '../../formats/preprocessing/foreignPreprocessor.ts';
import type { ReadPreprocessing } from '../../formats/preprocessing/preprocessorValues.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import { saysMultilabel } from '../../formats/config/problemType.ts';
import type { Engine } from '../../engine/contract.ts';
import { constant } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import { gather } from '../../ops/gather.ts';
import { asEncoder } from '../../onnx/import/onnxEncoder.ts';
import { type OnnxModel, onnxModel } from '../../onnx/import/onnxModel.ts';
import type { OnnxFile } from '../../onnx/import/onnxFile.ts';
import { checkCount, type DescribedByNames } from './described.ts';
import { withLogits } from './probabilities.ts';
import { unnamed } from './unnamed.ts';
import type { ByIndex, LoadedModel } from './loaded.ts';

/** Where folders have their network: as transformers.js lays it out, or beside the configs; the most exact form that is there. */
const IN_FOLDER = ['', '_fp16', '_quantized'].flatMap((form) => [`onnx/model${form}.onnx`, `model${form}.onnx`]);
/** With these a folder is a model of weights, which can do more. */
const WEIGHTS = ['model.safetensors', 'model.safetensors.index.json', 'model', 'checkpoints'];

/** The ONNX network of a folder that has one and no weights, by what it has. */
export const onnxInFolder = (has: (name: string) => boolean): string | undefined =>
  WEIGHTS.some(has) ? undefined : IN_FOLDER.find(has);

/** A JSON file that says more of a model. */
export interface Sidecar {
  readonly path: string;
  readonly value: Record<string, unknown>;
}

/** An ONNX file and what lies beside it, wherever that is. */
export interface OnnxPlace {
  /** What messages call the file. */
  readonly path: string;
  open(): OnnxFile;
  /** A JSON object beside it, or in the folder above as in an exported layout. */
  sidecar(name: 'config.json' | 'preprocessor_config.json'): Sidecar | undefined;
}

/** An ONNX file with what is known about it. */
export interface OnnxReference {
  readonly network: OnnxModel;
  /** Undefined where nothing says; `index` where the user says that they are the data's. */
  readonly classes: readonly string[] | ByIndex | undefined;
  readonly preprocessing: Preprocessing | undefined;
  /** What was assumed, or is done otherwise here. */
  readonly notes: readonly string[];
}

/**
 * Reads an ONNX file with the config.json and preprocessor_config.json beside it. What is given wins over them.
 * @throws UserError if it cannot be imported.
 */
export function readOnnxReference(place: OnnxPlace, given: DescribedByNames = {}): OnnxReference {
  const preprocessor = preparation(place);
  const file = place.open();
  const imageSize = given.imageSize ?? preprocessor?.imageSize;
  const imported = onnxModel(file, { imageSize, features: given.features });
  const oriented = preprocessor?.flipsChannels ? flippingChannels(imported) : imported;
  const found = given.classes ?? namesIn(place.sidecar('config.json'));
  const named = given.features?.pooled !== undefined;
  const network = found === undefined && (named || oriented.embeds) ? asEncoder(oriented, named) : oriented;
  checkCount(place.path, found, network.classes);
  const renamed: string[] = [];
  const classes = Array.isArray(found)
    ? distinctNames(found as readonly string[], renamed)
    : network.classes === 0
      ? []
      : found;
  const preprocessing = chosenPreprocessing(preprocessor, given, network.imageSize);
  const notes = [...network.notes, ...(preprocessor?.notes ?? []), ...renamed];
  return { network, classes, preprocessing, notes };
}

/**
 * A network that was read, on an engine that is asked what its answers are.
 * @throws UserError that says what to give if nothing tells the classes or the normalisation.
 */
export async function loadOnnxReference(place: OnnxPlace, read: OnnxReference, engine: Engine): Promise<LoadedModel> {
  const { path } = place;
  const { classes, preprocessing } = read;
  const network = await withLogits(read.network, engine);
  const notes = [...read.notes, ...network.notes.slice(read.network.notes.length)];
  const missing = [
    ...(classes
      ? []
      : [
          `the names of its ${network.classes} classes (classes: a file, one name a line; or index: they are the classes of the data, in its order)`,
        ]),
    ...(preprocessing ? [] : ['how pixels are normalised (mean and std; below are the usual ones of ImageNet)']),
  ];
  if (!classes || !preprocessing)
    throw new UserError(
      `${path}: an ONNX file does not say ${missing.join(', nor ')}. Put its config.json and preprocessor_config.json beside it, or give these: --classes FILE --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225; of a teacher: --set teacher.classes=FILE --set "teacher.mean=[0.485, 0.456, 0.406]" --set "teacher.std=[0.229, 0.224, 0.225]"`,
    );
  const named = typeof classes === 'string' ? Array.from({ length: network.classes }, (_, i) => String(i)) : classes;
  return {
    path,
    stored: path,
    notes,
    network,
    model: { ...network.config, family: 'onnx', imageSize: network.imageSize, classes: network.classes },
    classes: named,
    foreign: true,
    classesByIndex: typeof classes === 'string' ? classes : false,
    multilabel: network.multilabel || saysMultilabel(place.sidecar('config.json')?.value),
    preprocessing,
    weights: new Map(),
  };
}

/** How images become its input, as far as the files beside it say. */
export function preparation({ sidecar }: OnnxPlace): ReadPreprocessing | undefined {
  const [file, config] = [sidecar('preprocessor_config.json'), sidecar('config.json')];
  if (file) return preprocessingOf(file.value, undefined, file.path, config?.value.model_type);
  const said = config && modernTimm(config.value);
  return said?.pretrained_cfg === undefined ? undefined : preprocessingOf(undefined, timmCard(said), config!.path);
}

/** A network that takes blue, green, red is one that takes red, green, blue and turns them round first. */
const flippingChannels = (network: OnnxModel): OnnxModel => ({
  ...network,
  build: (scope, pixels) =>
    network.build(scope, gather(pixels, constant({ dtype: 'int64', shape: [3], data: [2, 1, 0] }), 1)),
});

/** transformers' id2label, or timm's label_names. */
export function namesIn(config: Sidecar | undefined): readonly string[] | undefined {
  const names = config && labelsOf(modernTimm(config.value), config.path);
  return !names || names.length === 0 || unnamed(names) ? undefined : names;
}
