/** What a terminal obeys instead of showing it: control characters, and those that turn the direction of writing or break a line. */
const OBEYED = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * A text that a terminal shows as it is: names of classes, files and tensors come from files of others, and an escape character in
 * one could change the window's title or hide what was printed. Line breaks and tabs stay. In a JSON text the escapes are JSON's own.
 */
export const printable = (text: string): string =>
  text.replace(OBEYED, (character) => (character === '\n' || character === '\t' ? character : escaped(character)));

/** The same of a name, which has one line. */
export const printableName = (text: string): string => text.replace(OBEYED, escaped);
