import { distinctNames } from '../../formats/config/classNames.ts';
import type { Engine } from '../../engine/contract.ts';
import { chosenPreprocessing } from '../../formats/preprocessing/foreignPreprocessor.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import { UserError } from '../../graph/errors.ts';
import { onnxModel } from '../../onnx/import/onnxModel.ts';
import { networkOf } from '../../onnx/network.ts';
import { onnxSettingsSchema } from '../../onnx/student/config.ts';
import { readStudent } from '../../onnx/student/read.ts';
import { parseConfig } from '../../config/parse.ts';
import type { OwnModel } from './loaded.ts';
import { namesIn, type OnnxPlace, preparation } from './onnxReference.ts';
import { withLogits } from './probabilities.ts';

/** ImageNet's, as the settings of a run have them too. */
const USUAL = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/**
 * Reads an ONNX file as a model that is trained further, with the config.json and preprocessor_config.json beside it.
 * @param settings of the student: tensors that are no weights, values that are features.
 * @param classes of the data: a file that does not name its classes and has as many is taken to have these, in their order.
 * @throws UserError with all that stands in the way at once.
 */
export async function loadOnnxStudent(
  place: OnnxPlace,
  settings: Readonly<Record<string, unknown>>,
  classes: readonly string[],
  engine: Engine,
): Promise<OwnModel> {
  const { constants, features, fresh } = parseConfig(onnxSettingsSchema, settings, 'student.settings');
  const { path } = place;
  const preprocessor = preparation(place);
  if (preprocessor?.flipsChannels)
    throw new UserError(
      `${path}: wanted a network that takes red, green, blue, got one that takes blue, green, red (its preprocessor_config.json). Turn the channels of its first weights round and leave the flip out`,
    );
  const file = place.open();
  const { config, weights } = readStudent(file, { imageSize: preprocessor?.imageSize, features, constants });
  const asked = await withLogits(onnxModel(file, { imageSize: config.imageSize }), engine);
  if (asked.notes.some((note) => note.includes('are taken as the logits')))
    throw new UserError(
      `${path}: wanted logits, or a Softmax or Sigmoid of them, as the output, got probabilities that other operators make. Export the model with its logits as the output`,
    );
  const said = place.sidecar('config.json');
  const modelType = typeof said?.value.model_type === 'string' ? said.value.model_type : 'onnx';
  const model = { ...config, modelType, fresh };
  const found = namesOf(namesIn(said), config.classes, classes, path);
  const notes = [...asked.notes, ...(preprocessor?.notes ?? []), ...found.notes];
  const preprocessing: Preprocessing = chosenPreprocessing(preprocessor, {}, config.imageSize) ?? {
    ...{ imageSize: config.imageSize, evalCropRatio: 0.875 },
    ...USUAL,
  };
  const network = networkOf(model, path);
  return { path, stored: path, notes, network, model, weights, classes: found.names, foreign: true, preprocessing };
}

/** Classes that nothing names get names that no class of data has, or those of data of as many. */
function namesOf(said: readonly string[] | undefined, count: number, classes: readonly string[], path: string) {
  if (said && said.length !== count)
    throw new UserError(
      `${path}: wanted ${count} class names in the config.json beside it, one for each of its logits, got ${said.length}`,
    );
  const notes: string[] = [];
  if (said) return { names: distinctNames(said, notes).map((name) => name.normalize('NFC')), notes };
  if (classes.length === count)
    return {
      names: classes,
      notes: [
        `nothing names its ${count} classes: they are taken to be the data's, in their order. Put a config.json with id2label beside it where they are others`,
      ],
    };
  return { names: Array.from({ length: count }, (_, i) => `(class ${i} of ${path})`), notes };
}
