import { brief } from '../../graph/errors.ts';

/** A text and how its bytes were read, where that is not said by the bytes themselves. */
export interface DecodedText {
  readonly text: string;
  readonly note?: string;
}

/** Bytes that are no text in an encoding that is known here. */
export class EncodingError extends Error {}

const bad = (what: string): EncodingError => new EncodingError(what);

/**
 * The text of a file that people write with spreadsheets: UTF-8, UTF-16 in either order, with a byte order mark or without, and
 * Windows-1252 (which Latin-1 is a part of). The last is a guess, which the note says; other encodings of one byte are refused
 * where their letters would make no words in Windows-1252.
 * @throws EncodingError that says the line
 */
export function decodeText(bytes: Uint8Array): DecodedText {
  const wide = utf16Of(bytes);
  if (wide !== undefined) {
    const text = decoded(bytes, wide);
    if (text === undefined) throw bad(`${wide.toUpperCase()} that is damaged or cut`);
    return { text };
  }
  const text = decoded(bytes, 'utf-8');
  if (text !== undefined) return noteOfDamage(text);
  const guess = western(bytes);
  const line = lineOf(guess, guess.search(/[^\0-\x7f]/));
  if (isWestern(guess))
    return {
      text: guess,
      note: `line ${line} is no UTF-8; read as Windows-1252: "${brief(textOfLine(guess, line))}". Save the file as UTF-8 if that is wrong`,
    };
  throw bad(`line ${firstNoUtf8(bytes)}, which is neither UTF-8 nor UTF-16 nor Windows-1252`);
}

/** UTF-16 by its byte order mark, or by the zero bytes that half of its ASCII characters consist of. */
function utf16Of(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const length = Math.min(bytes.length, 4096);
  const zeros: [number, number] = [0, 0];
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros[(i % 2) as 0 | 1]++;
  const [even, odd] = zeros;
  // Our choice: a tenth of the characters, since a table has separators and paths in ASCII whatever its language.
  if (odd > length / 20 && even * 20 < odd) return 'utf-16le';
  if (even > length / 20 && odd * 20 < even) return 'utf-16be';
  return undefined;
}

function decoded(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** The signs of Windows-1252 from 0x80 to 0x9f, where Latin-1 has control characters; a blank where neither has a sign. */
const SIGNS = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ';

/** Not by the decoder's own table alone: Node 20 reads Windows-1252 as Latin-1. */
const western = (bytes: Uint8Array): string =>
  new TextDecoder('windows-1252').decode(bytes).replace(/[\x80-\x9f]/g, (code) => {
    const sign = SIGNS[code.charCodeAt(0) - 0x80]!;
    return sign === ' ' ? code : sign;
  });

/** U+FFFD in UTF-8: a program has read other bytes as UTF-8 before, so that names which differed may be the same now. */
function noteOfDamage(text: string): DecodedText {
  const at = text.indexOf('\ufffd');
  if (at < 0) return { text };
  const line = lineOf(text, at);
  return {
    text,
    note: `line ${line} has letters that were lost when the file was written (U+FFFD): "${brief(textOfLine(text, line))}"`,
  };
}

const HIGH = 'À-ÖØ-öø-ÿŒœŠšŽžŸ';
const UNKNOWN = new RegExp(`[^\\0-\\x7f${HIGH}\\u00a0¡§©«®°²³´·º»¼½¾¿ªµ×‘’“”„–—…€£]`);
/** Three such letters in a row, a word of two or more and nothing else, a capital within a word, a sign within one. */
const NO_WORD = new RegExp(
  [
    `[${HIGH}]{3}`,
    `(?<![A-Za-z${HIGH}])[${HIGH}]{2,}(?![A-Za-z${HIGH}])`,
    '[a-zß-öø-ÿœšž][À-ÖØ-ÞŒŠŽŸ]',
    `[A-Za-z${HIGH}][¡©«®¼½¾¿×„€£][A-Za-z${HIGH}]`,
    `[²³][A-Za-z${HIGH}]`,
  ].join('|'),
);

/** Our choice: what reads like words of a western language is taken for one. */
const isWestern = (text: string): boolean => !UNKNOWN.test(text) && !NO_WORD.test(text);

function firstNoUtf8(bytes: Uint8Array): number {
  let line = 1;
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(10, from);
    const to = end < 0 ? bytes.length : end;
    if (decoded(bytes.subarray(from, to), 'utf-8') === undefined) return line;
    from = to + 1;
  }
  return line;
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

const textOfLine = (text: string, line: number): string => text.split('\n', line)[line - 1]!.trim();
