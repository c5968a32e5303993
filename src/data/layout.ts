import { brief, UserError } from '../graph/errors.ts';

/** Layouts of folders in words. */
export const layouts = 'train/<class>/* with val/<class>/*, or <class>/*, or images without classes';

export function quote(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${brief(name)}"`);
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}

/** What is said of an image: its class, all its classes (multilabel; none is an answer too), or nothing. */
export type Label = string | readonly string[] | undefined;

/** Images with their labels. */
export interface Part {
  /** Addresses (data/address.ts). */
  readonly paths: readonly string[];
  readonly labels: readonly Label[];
}

/** What is stored at a place, before it is a data set: whoever stores images in another way writes a function that gives this. */
export interface Layout {
  /** Folder that the addresses are relative to. */
  readonly root: string;
  readonly train: Part;
  /** Where the layout itself says which images are for validation. */
  readonly val?: Part;
  /** What was taken as what, where that can be read in two ways. */
  readonly notes?: readonly string[];
}

/** Several layouts as one: classes of the same name are one class. Either all or none of them say what is for validation. */
export function joinLayouts(layouts: readonly { readonly where: string; readonly layout: Layout }[]): Layout {
  if (layouts.length === 1) return layouts[0]!.layout;
  const [first, odd] = [layouts[0]!, layouts.find(({ layout }) => !layout.val !== !layouts[0]!.layout.val)];
  if (odd)
    throw new UserError(
      `${odd.where}: wanted ${first.layout.val ? 'a' : 'no'} validation part, as ${first.where} has ${first.layout.val ? 'one' : 'none'}, got ${odd.layout.val ? 'one' : 'none'}. Give all or none of the places a validation part`,
    );
  const gather = (part: (layout: Layout) => Part): Part => ({
    paths: layouts.flatMap(({ layout }) => part(layout).paths.map((path) => `${layout.root}/${path}`)),
    labels: layouts.flatMap(({ layout }) => part(layout).labels),
  });
  const notes = layouts.flatMap(({ layout }) => layout.notes ?? []);
  const train = gather((layout) => layout.train);
  return { root: '', train, notes, ...(first.layout.val && { val: gather((layout) => layout.val!) }) };
}

/** The names that a label has. */
export const classesOf = (label: Label): readonly string[] =>
  label === undefined ? [] : typeof label === 'string' ? [label] : label;

/** Whether an image may have several classes: where one label is a list, all are. */
export const isMultilabel = (parts: readonly (Part | undefined)[]): boolean =>
  parts.some((part) => part?.labels.some((label) => Array.isArray(label)));

/**
 * All class names of a part as they are written, in no order; none where no image has one.
 * @throws UserError where some images have none
 */
export function classNames(where: string, { labels }: Part): Set<string> {
  const names = new Set<string>();
  let without = 0;
  for (const label of labels) {
    if (label === undefined) without++;
    else for (const name of classesOf(label)) names.add(name);
  }
  if (without > 0 && names.size > 0)
    throw new UserError(
      `${where}: wanted a class for every image or for none, got ${without} of ${labels.length} images without one. Add or remove the labels`,
    );
  return names;
}
