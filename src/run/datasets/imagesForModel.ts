import { type ImageList, renumber } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { namedByData } from '../models/namedByData.ts';
import { newHead } from '../models/newHead.ts';
import { unnamed } from '../models/unnamed.ts';

/** The images that a model is evaluated on; labels are indices of the model's classes. */
export interface EvaluationData {
  /** The model, named by the data's classes where the user said so. */
  readonly model: LoadedModel;
  readonly list: ImageList;
  /** Which images these are, in words. */
  readonly part: string;
  /** What was taken as what, where the data can be read in two ways. */
  readonly notes: readonly string[];
  readonly absentClasses: readonly string[];
}

/** Images that were opened, before a model is asked; labels are indices of `classes`, which are none where it has no labels. */
export interface OpenedImages {
  readonly list: ImageList;
  readonly part: string;
  readonly classes: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Images whose labels are indices of `classes`, for a model: its classes are found by their names.
 * @param ref what the caller calls the model.
 * @throws UserError where the images have no classes, or classes that the model lacks.
 */
export function imagesForModel(
  loaded: LoadedModel,
  ref: string,
  { list, part, classes, notes }: OpenedImages,
  dir: string,
): EvaluationData {
  if (classes.length === 0)
    throw new UserError(
      `${dir}: wanted images in class folders to evaluate on, got images without classes. For their classes: understudy predict ${ref} ${dir}`,
    );
  const model = namedByData(loaded, classes);
  const places = new Map(model.classes.map((name, i) => [name, i]));
  const at = classes.map((name) => places.get(name) ?? -1);
  const present = new Set(classes);
  const lacking = classes.filter((_, i) => at[i]! < 0);
  if (lacking.length > 0) throw unknownClasses(model, dir, lacking);
  return {
    model,
    list: asModel(model, renumber(list, at), dir),
    part,
    notes: [...notes, ...model.notes.slice(loaded.notes.length)],
    absentClasses: model.classes.filter((name) => !present.has(name)),
  };
}

/** Images of one class each are multilabel images too; the other way round there is no one class to be right. */
function asModel(model: LoadedModel, list: ImageList, dir: string): ImageList {
  if (list.sets && !model.multilabel)
    throw new UserError(
      `${dir}: wanted one class an image, as the model ${model.path} answers (a softmax), got several an image. Evaluate a model that was trained on such data; of one by others, say so in its config.json: "problem_type": "multi_label_classification"`,
    );
  if (list.sets || !model.multilabel) return list;
  return { ...list, labels: list.labels.map(() => -1), sets: Array.from(list.labels, (label) => [label]) };
}

function unknownClasses(model: LoadedModel, dir: string, lacking: readonly string[]): UserError {
  const name = unnamed(model.classes)
    ? 'Name its classes (--classes FILE, or index for those of the data, in its order), remove'
    : 'Remove';
  return new UserError(
    `${dir}: wanted only classes of the model ${model.path} (${listNames(model.classes)}), got ${listNames(lacking)} besides. ${name} these folders, or ${newHead(model.path, dir)}`,
  );
}
