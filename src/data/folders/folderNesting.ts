import { UserError } from '../../graph/errors.ts';
import { classesOf, type Layout, type Part, quote } from '../layout.ts';
import { type PartName, partOfWord, VAL_NAMES } from './partNames.ts';

/** Paths below a class folder are cut here: `<class>/<inner>/...`. */
function innerOf(path: string, base: string): string | undefined {
  const from = base === '' ? 0 : base.length + 1;
  const first = path.indexOf('/', from);
  const second = path.indexOf('/', first + 1);
  return second < 0 ? undefined : path.slice(first + 1, second);
}

/**
 * Classes that hold the parts (`<class>/train/*`, `<class>/test/*`): the training images and the best of the others. Undefined where
 * an image lies elsewhere, or nothing is for training.
 */
export function splitWithin(
  where: string,
  all: Part,
  base: string,
  notes: string[],
): Pick<Layout, 'train' | 'val'> | undefined {
  const byPart = new Map<PartName, number[]>();
  const known = new Map<string, PartName | undefined>();
  for (const [i, path] of all.paths.entries()) {
    const inner = innerOf(path, base);
    if (inner === undefined) return undefined;
    if (!known.has(inner)) known.set(inner, partOfWord(inner));
    const part = known.get(inner);
    if (part === undefined) return undefined;
    const members = byPart.get(part);
    if (members) members.push(i);
    else byPart.set(part, [i]);
  }
  const pick = (indices: readonly number[]): Part => ({
    paths: indices.map((i) => all.paths[i]!),
    labels: indices.map((i) => all.labels[i]),
  });
  const [train, best] = [byPart.get('train'), VAL_NAMES.find((name) => byPart.has(name))];
  if (!train) return undefined;
  const others = [...byPart.keys()].filter((name) => name !== 'train' && name !== best);
  const left = others.reduce((sum, name) => sum + byPart.get(name)!.length, 0);
  notes.push(
    `${where}: the folders within the classes (${quote([...known.keys()])}) are taken for parts${left > 0 ? `; ${left} images of ${others.join(', ')} are left out` : ''}`,
  );
  return { train: pick(train), ...(best && { val: pick(byPart.get(best)!) }) };
}

/**
 * Tells or refuses class folders that hold folders of the same names, as parts do whose names are not known.
 * @throws UserError where one of them is called as a part is
 */
export function checkNesting(
  where: string,
  { paths, labels }: Part,
  base: string,
  classes: readonly string[],
  notes: string[],
): void {
  const within = new Map<string, Set<string>>();
  for (const [i, path] of paths.entries()) {
    const inner = innerOf(path, base);
    const [name] = classesOf(labels[i]);
    // Most often the first path says that there is nothing to look for.
    if (inner === undefined && i === 0 && classes.every((one) => partOfWord(one) === undefined)) return;
    if (inner === undefined) continue;
    if (!within.has(name!)) within.set(name!, new Set());
    within.get(name!)!.add(inner);
  }
  const sets = [...within];
  const shared = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].filter((name) => b.has(name));
  const odd = sets.find(
    ([name, own]) =>
      partOfWord(name) !== undefined && sets.some(([other, set]) => other !== name && shared(own, set).length > 0),
  );
  if (odd)
    throw new UserError(
      `${where}: wanted class folders, or a folder train beside ${odd[0]}; got ${quote(classes)} with folders of the same names (${quote([...odd[1]])}), as parts have them. Rename the folder that is for training to train, or give one of them: ${where}/${odd[0]}`,
    );
  const [first] = sets;
  const same =
    sets.length === classes.length &&
    sets.every(([, set]) => set.size === first![1].size && shared(set, first![1]).length === set.size);
  if (same && first && first[1].size > 1)
    notes.push(
      `${where}: ${quote(classes)} are taken for the classes; each of them holds the same folders (${quote([...first[1]])}). If these are the classes, rename the outer folders to train and val`,
    );
}
