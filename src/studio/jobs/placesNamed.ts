import type { Kind, Place } from '../answers.ts';

const ORDER: readonly Kind[] = ['run', 'study', 'set', 'model', 'data'];
const MOST = 8;

/** What a command and its words name: the run that it makes, the study, the images that it reads. Inside of one place none is named again. */
export function placesNamed(text: string, places: readonly Place[]): Place[] {
  const found = places.filter(({ path }) => path !== '' && names(text, path));
  const outer = found.filter(({ path }) => !found.some((other) => path.startsWith(`${other.path}/`)));
  return outer.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)).slice(0, MOST);
}

/** Whether a path stands in a text as a whole, or as the beginning of a longer one. */
function names(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1))
    if (!/[\w./-]/.test(text[at - 1] ?? ' ') && !/[\w-]/.test(text[at + path.length] ?? ' ')) return true;
  return false;
}
