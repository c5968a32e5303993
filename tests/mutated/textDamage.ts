import type { Stream } from '../../src/random/stream.ts';
import type { Damage } from './damage.ts';

/** What may stand in a text and means something to a reader of CSV or YAML, or is more than it expects. */
const HOSTILE: readonly string[] = [
  ...[
    '',
    ' ',
    '\t',
    '"',
    "'",
    '""',
    ',',
    ';',
    '|',
    ':',
    '- ',
    '# ',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
    '\u2028',
    '\r',
  ],
  ...[
    'null',
    '~',
    '.nan',
    '.inf',
    '-1',
    '1e999',
    '99999999999999999999',
    '0.1',
    '1_000',
    '2001-01-01',
    'true',
    '[]',
    '{}',
  ],
  ...[
    '[null]',
    '{a: {b: [1, {c: 2}]}}',
    '&a [*a]',
    '{<<: *x}',
    '&a {b: *a}',
    '*a',
    '!!binary aGk=',
    '!!js/function "f"',
  ],
  ...['__proto__', '__proto__: {x: 1}', 'constructor', 'toString', '? [a, b]\n: c\n', '{? x}', '$teacher', '../../..'],
  ...[
    '/dev/zero',
    '/dev/stdin',
    '.',
    'images',
    'images/',
    'images/0.png\u0000',
    '🙂',
    'é',
    '\ud7ff\u200e',
    '\u0000',
    '\u0007',
  ],
  ...[
    'x'.repeat(5000),
    'images/'.repeat(1000),
    '['.repeat(20_000),
    '{a: '.repeat(5000),
    '- '.repeat(5000),
    '"'.repeat(999),
  ],
  ...[' '.repeat(100_000), `{${Array.from({ length: 300 }, (_, i) => `k${i}: ${i}`).join(', ')}}`, 'a,'.repeat(3000)],
];

const hostile = (random: Stream) => HOSTILE[random.below(HOSTILE.length)]!;

export function randomText(random: Stream): string {
  const letters = 'abc,;:"\'-[]{}&*!|>%@`#\n\n  \t01.éß漢🙂';
  const units = [...letters];
  return Array.from({ length: random.below(3000) }, () => units[random.below(units.length)]).join('');
}

const lines = (bytes: Buffer) => bytes.toString('utf8').split('\n');

/** Changes the list of lines. */
const byLines =
  (change: (list: string[], at: number, random: Stream) => void): Damage =>
  (bytes, random) => {
    const list = lines(bytes);
    change(list, random.below(list.length), random);
    return Buffer.from(list.join('\n'));
  };

/** Something else in the place of a word, a value or a cell. */
const replaced: Damage = (bytes, random) => {
  const text = bytes.toString('utf8');
  const words = [...text.matchAll(random.below(2) ? /[^\s,:{}[\]"]+/g : /[^,\n]+/g)];
  const word = words[random.below(Math.max(1, words.length))];
  if (!word) return bytes;
  return Buffer.from(text.slice(0, word.index) + hostile(random) + text.slice(word.index + word[0].length));
};

const recoded =
  (code: (text: string) => Buffer): Damage =>
  (bytes) =>
    code(bytes.toString('utf8'));

const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');

export const textDamages: Readonly<Record<string, Damage>> = {
  replaced,
  replacedTwice: (bytes, random, others) => replaced(replaced(bytes, random, others), random, others),
  hostileInserted: (bytes, random) => {
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(hostile(random)), bytes.subarray(at)]);
  },
  lineRemoved: byLines((list, at) => void list.splice(at, 1)),
  lineDoubled: byLines((list, at) => void list.splice(at, 0, list[at]!)),
  lineMoved: byLines((list, at, random) => void list.splice(random.below(list.length), 0, ...list.splice(at, 1))),
  lineIndented: byLines((list, at, random) => {
    list[at] = random.below(2) ? `  ${list[at]}` : list[at]!.trimStart();
  }),
  linesFromOther: (bytes, random, others) => {
    const [list, other] = [lines(bytes), lines(others[random.below(others.length)]!.bytes)];
    const from = random.below(other.length);
    list.splice(random.below(list.length), 0, ...other.slice(from, from + 1 + random.below(5)));
    return Buffer.from(list.join('\n'));
  },
  manyLines: byLines((list, at, random) => void list.splice(at, 0, ...Array(random.below(2000)).fill(list[at]!))),
  utf16le: recoded(utf16),
  utf16be: recoded((text) => utf16(text).swap16()),
  latin1: recoded((text) => Buffer.from(`${text}éßü`, 'latin1')),
  carriageReturns: recoded((text) => Buffer.from(text.replaceAll('\n', '\r'))),
  mark: recoded((text) => Buffer.from(`\ufeff${text}`)),
};
