import type { PictureClass } from './protocol.ts';

/** A class with fewer has no picture to be judged by that is not trained on as well. */
const FEWEST = 2;
/** Our choice: below it a class is hardly learnt, and one picture kept aside says little. */
const FEW = 10;

/** What is missing before a training can begin; undefined where nothing is. */
export function missing(classes: readonly PictureClass[]): string | undefined {
  if (classes.length === 0) return 'Add pictures of at least two things to tell apart.';
  if (classes.length === 1)
    return `Add a second class: a model tells things apart, and “${classes[0]!.name}” is alone.`;
  const thin = classes.filter(({ pictures }) => pictures.length < FEWEST);
  if (thin.length === 0) return undefined;
  const names = listed(thin.map(({ name }) => `“${name}”`));
  const needs = thin.length === 1 ? 'needs' : 'need';
  return `${names} ${needs} at least ${FEWEST} pictures: one to learn from and one to be tested on.`;
}

/** What would make it better, though it is not missing. */
export function advised(classes: readonly PictureClass[]): string | undefined {
  const few = classes.filter(({ pictures }) => pictures.length < FEW);
  if (few.length === 0 || missing(classes)) return undefined;
  const [one] = few;
  if (few.length === 1)
    return `“${one!.name}” has ${one!.pictures.length} pictures. With ${FEW} or more, from different sides, it is told apart better.`;
  return `${few.length} classes have fewer than ${FEW} pictures. With ${FEW} or more in each, from different sides, they are told apart better.`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3);
  if (names.length > 3) return `${shown.join(', ')} and ${names.length - 3} more`;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
