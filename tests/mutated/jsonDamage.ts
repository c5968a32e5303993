import { isDeep } from '../../src/formats/disk/jsonValue.ts';
import type { Stream } from '../../src/random/stream.ts';
import type { Damage } from './damage.ts';

/** What stands in the place of a value: of another type, size or depth than anybody wants. */
const HOSTILE: readonly string[] = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '1',
    '-1',
    '0.5',
    '2',
    '3',
    '1e9',
    '-1e9',
    '6000',
    '1e-320',
    '1e300',
    '1e999',
  ],
  ...['9007199254740993', '1152921504606846976', '"0"', '""', '"x"', '" "', '"NaN"', '"auto"', '"../../x"'],
  ...['"/dev/zero"', '"\\u0000"', '"\\ud800"', '"\\u001b[31m"', '"<b>"', '"constructor"', '"__proto__"', '"ü漢🙂"'],
  ...['[]', '{}', '[null]', '[[1]]', '[1,2,3]', '[0,0,0]', '["a"]', '{"0":"a"}', '{"x":{"y":{}}}', '[1e300,1,1]'],
  ...['{"__proto__":{"x":1}}', '{"toString":1}', '{"length":1e9}'],
  ...[JSON.stringify('x'.repeat(5000)), `[${'0,'.repeat(50_000)}0]`, '['.repeat(50_000) + ']'.repeat(50_000)],
  `{${Array.from({ length: 3000 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
];

type Holder = Record<string, unknown>;

interface Slot {
  readonly holder: Holder;
  readonly key: string;
}

/** Every value that stands in an object or a list, not deeper than files have them. */
function slots(value: unknown, depth = 0): Slot[] {
  if (typeof value !== 'object' || value === null || depth > 9) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...slots(holder[key], depth + 1)]);
}

/** Stands for text that JSON.stringify would not write. */
const HERE = '@@here@@';

type Change = (slot: Slot, random: Stream, others: readonly Slot[]) => string | undefined;

const CHANGES: readonly Change[] = [
  ...Array<Change>(4).fill(({ holder, key }, random) => {
    holder[key] = HERE;
    return HOSTILE[random.below(HOSTILE.length)]!;
  }),
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else delete holder[key];
    return undefined;
  },
  ({ holder, key }, random) => {
    const name = ['', 'x', `${key}_`, key.toUpperCase(), '__proto__ ', '0', '7'][random.below(7)]!;
    if (Array.isArray(holder)) holder.push(holder[Number(key)]);
    else holder[name] = holder[key];
    return undefined;
  },
  ({ holder, key }, random, others) => {
    const other = others[random.below(others.length)]!;
    // A copy: a value that held itself would be no JSON.
    holder[key] = structuredClone(other.holder[other.key]);
    return undefined;
  },
  ({ holder, key }) => {
    holder[key] = [holder[key]];
    return undefined;
  },
  ({ holder, key }, random) => {
    const [before, factor] = [Number(holder[key]) || 1, [-1, 0.5, 2, 1e6, 1e12][random.below(5)]!];
    holder[key] = before * factor + random.below(2);
    return undefined;
  },
];

/** Another value, key or order somewhere in JSON; bytes that are none stay. */
export const jsonChanged: Damage = (bytes, random) => {
  const held = bytes.toString('utf8');
  // JSON.stringify would stumble over what an earlier damage nested.
  if (isDeep(held)) return bytes;
  let value: unknown;
  try {
    value = JSON.parse(held);
  } catch {
    return bytes;
  }
  const all = slots(value);
  const slot = all[random.below(Math.max(1, all.length))];
  if (!slot) return bytes;
  const text = CHANGES[random.below(CHANGES.length)]!(slot, random, all);
  return Buffer.from(JSON.stringify(value, null, 2).replace(`"${HERE}"`, () => text ?? ''));
};

/** The same of the header of a safetensors file, with its length made right. */
export const headerChanged: Damage = (bytes, random, others) => {
  const length = bytes.length < 8 ? 0 : Number(bytes.readBigUInt64LE(0));
  if (length === 0 || 8 + length > bytes.length) return bytes;
  const header = jsonChanged(bytes.subarray(8, 8 + length), random, others);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, bytes.subarray(8 + length)]);
};
