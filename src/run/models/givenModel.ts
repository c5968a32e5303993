import type { Engine } from '../../engine/contract.ts';
import { foreignModel } from '../../formats/foreignModel.ts';
import { checkWeights } from '../../formats/matchNames.ts';
import type { ModelHints } from '../../formats/shapeReader.ts';
import { checkFinite } from '../../formats/tensors/checkFinite.ts';
import { brief, UserError } from '../../graph/errors.ts';
import { networkOf } from '../../onnx/network.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { checkCount, type Described, type DescribedByNames, hintsOf, refuseDescribed } from './described.ts';
import type { GivenFiles } from './givenFiles.ts';
import type { LoadedModel, OwnModel } from './loaded.ts';
import { loadModelFiles } from './modelFolderOf.ts';
import { loadOnnxReference, readOnnxReference } from './onnxReference.ts';
import { loadOnnxStudent } from './onnxStudent.ts';

/**
 * The model that a set of files is, read as the same files are in Node.
 * @param engine asked what the answers of an ONNX network are.
 * @throws UserError for whatever cannot be used as a model.
 */
export async function loadGiven(
  files: GivenFiles,
  { engine, described = {} }: { readonly engine: Engine; readonly described?: Described },
): Promise<LoadedModel> {
  if ((await files.kind()) !== 'onnx') return loadWeights(files, described);
  const place = await files.onnx();
  const loaded = await loadOnnxReference(place, readOnnxReference(place, namesOnly(described)), engine);
  return { ...loaded, classes: composed(loaded.classes) };
}

/** A model of weights, which can be trained further and exported. @throws UserError for an ONNX file too. */
export async function trainableGiven(files: GivenFiles, hints: ModelHints = {}): Promise<OwnModel> {
  if ((await files.kind()) !== 'onnx') return loadWeights(files, {}, hints);
  throw new UserError(
    `${files.name}: wanted a model of weights, got an ONNX file. It can be trained (init), be a teacher, and be asked`,
  );
}

/** A model that a student starts from; settings of the student and classes of the data as for `loadOnnxStudent`. */
export async function loadGivenInit(
  files: GivenFiles,
  settings: Readonly<Record<string, unknown>>,
  classes: readonly string[],
  engine: Engine,
): Promise<OwnModel> {
  if ((await files.kind()) === 'onnx') return loadOnnxStudent(await files.onnx(), settings, classes, engine);
  return trainableGiven(files, typeof settings.heads === 'number' ? { heads: settings.heads } : {});
}

async function loadWeights(files: GivenFiles, described: Described, hints: ModelHints = {}): Promise<OwnModel> {
  const { name: path } = files;
  if ((await files.kind()) === 'own') {
    refuseDescribed(described, path);
    return loadModelFiles(path, (file) => files.read(file));
  }
  const said = hintsOf(namesOnly(described), path);
  const { where } = files;
  const read = await foreignModel(
    { path, where, weights: () => files.weights(), json: (file) => files.json(file) },
    { ...hints, ...said.hints },
  );
  checkCount(path, said.hints.labels, read.model.classes);
  const network = networkOf(read.model, path);
  checkWeights(path, modelParams(network), read.weights);
  checkFinite(path, read.weights);
  const { classesByIndex } = said;
  return { ...read, classes: composed(read.classes), path, stored: path, network, foreign: true, classesByIndex };
}

/** In one form of Unicode, as the names of data are. */
const composed = (classes: readonly string[]): string[] => classes.map((name) => name.normalize('NFC'));

/** No file is opened by its path here. */
function namesOnly({ classes, ...described }: Described): DescribedByNames {
  if (typeof classes !== 'string' || classes === 'index' || classes === 'natural')
    return { ...described, classes } as DescribedByNames;
  throw new UserError(
    `teacher.classes: wanted the names of the classes as a list, or the word index or natural, since no file is opened by its path here, got ${brief(JSON.stringify(classes))}`,
  );
}
