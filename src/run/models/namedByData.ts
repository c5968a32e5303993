import { UserError } from '../../graph/errors.ts';
import { compareCodePoints } from '../../data/dataset.ts';
import type { ByIndex, LoadedModel } from './loaded.ts';

/**
 * A model whose classes are the data's by the user's word gets their names.
 * @throws UserError if there are not as many.
 */
export function namedByData<T extends LoadedModel>(model: T, classes: readonly string[]): T {
  if (!model.classesByIndex || classes.length === 0) return model;
  if (classes.length !== model.classes.length)
    throw new UserError(
      `${model.path}: its classes were said to be the data's (classes=${model.classesByIndex}), but it has ${model.classes.length} and the data ${classes.length}. Give their names: --classes FILE, or --set teacher.classes=FILE`,
    );
  const notes = [...model.notes, ...orderNote(model.classesByIndex, classes)];
  return { ...model, classes: inOrder(model.classesByIndex, classes), classesByIndex: false, notes };
}

/**
 * The classes of data in the order of a word. Numbers without leading zeros stand in another order for people than for PyTorch,
 * torchvision and timm, which order names by code point.
 */
export function inOrder(word: ByIndex, classes: readonly string[]): readonly string[] {
  return word === 'natural' ? [...classes].sort(naturally) : classes;
}

/** As people count: runs of digits by their number, all else by code point. */
function naturally(a: string, b: string): number {
  const [x, y] = [a, b].map((name) => name.split(/(\d+)/));
  for (let i = 0; i < Math.min(x!.length, y!.length); i++) {
    const [left, right] = [x![i]!, y![i]!];
    // Every other piece is a number, which may have more digits than a float counts.
    const [p, q] = i % 2 === 1 ? [left, right].map((digits) => digits.replace(/^0+(?=\d)/, '')) : [left, right];
    if (i % 2 === 1 && p!.length !== q!.length) return p!.length - q!.length;
    if (p !== q) return compareCodePoints(p!, q!);
  }
  return x!.length - y!.length || compareCodePoints(a, b);
}

/** What is told where the two orders differ: nothing else says which one a model was trained with. */
function orderNote(word: ByIndex, classes: readonly string[]): string[] {
  const [taken, other] = [inOrder(word, classes), inOrder(word === 'index' ? 'natural' : 'index', classes)];
  const at = taken.findIndex((name, i) => name !== other[i]);
  if (at < 0) return [];
  const first = (names: readonly string[]) =>
    names
      .slice(0, at + 2)
      .slice(-4)
      .join(', ');
  const [how, instead] =
    word === 'index'
      ? ['by code point, as torchvision and timm do', 'natural, if it was trained with them as people count']
      : ['as people count', 'index, if it was trained with them by code point, as torchvision and timm do'];
  return [
    `classes=${word}: its classes are taken to be the data's ordered ${how}: ${first(taken)}, not ${first(other)}. Give ${instead}`,
  ];
}
