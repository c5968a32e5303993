import { UserError } from '../../graph/errors.ts';
import { MOST_DIMENSIONS, MOST_HEADER_BYTES, MOST_JSON_DEPTH } from '../../models/limits.ts';

/** Bytes of one element, by dtype name as the files write it. Other names (F8_E4M3, U64, ...) are refused. */
export const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;

export type SafetensorsDtype = keyof typeof elementBytes;

/** One tensor of a header; `begin` and `end` are byte offsets from the first byte after the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of the file's JSON. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Length in bytes of the JSON header, from a file's first 8 bytes (fewer where the file is shorter).
 * @throws UserError if the file of `fileBytes` bytes cannot hold it, or it is above `MOST_HEADER_BYTES`.
 */
export function headerLength(first: Uint8Array, fileBytes: number, where: string): number {
  if (fileBytes < 8 || first.length < 8) {
    fail(where, 'header length', 'at least 8 bytes', `a file of ${fileBytes} bytes`);
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MOST_HEADER_BYTES))
    fail(where, 'header length', `at most ${MOST_HEADER_BYTES} bytes`, `${length}`);
  if (length > BigInt(fileBytes - 8)) {
    fail(where, 'header length', `at most ${fileBytes - 8} bytes, the rest of the file`, `${length}`);
  }
  return Number(length);
}

/**
 * Read and check a header against the `dataBytes` bytes that follow it. Allocates in proportion to the header alone.
 * @throws UserError naming the tensor and the field that is wrong.
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, where: string): Header {
  const { text, json } = parseJson(bytes, where);
  const names = topLevelNames(text, where);
  const metadata = parseMetadata(json.__metadata__, where);
  const entries = names.filter((name) => name !== '__metadata__').map((name) => parseEntry(name, json[name], where));
  checkCoverage(entries, dataBytes, where);
  return { entries, metadata };
}

/** Number of elements; undefined where it is beyond 2^53. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (count > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return count;
}

function fail(where: string, part: string, wanted: string, got: string): never {
  const remedy = 'The file is damaged or is not safetensors: save or download it again.';
  throw new UserError(`${where}: ${part}: wanted ${wanted}, got ${got}. ${remedy}`);
}

function parseJson(bytes: Uint8Array, where: string): { text: string; json: Record<string, unknown> } {
  if (bytes[0] !== 0x7b)
    fail(where, 'header', "JSON that begins with '{'", bytes.length === 0 ? 'nothing' : 'other bytes');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, json: JSON.parse(text) as Record<string, unknown> };
  } catch (error) {
    return fail(where, 'header', 'valid JSON in UTF-8', short((error as Error).message));
  }
}

/**
 * Keys of the outermost object in file order. `JSON.parse` silently keeps the last of two equal keys and moves keys that
 * look like integers to the front, so they are read off the text, which is known to be valid JSON by now.
 */
function topLevelNames(text: string, where: string): string[] {
  const names: string[] = [];
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') {
      open.push(new Set());
      if (open.length > MOST_JSON_DEPTH)
        fail(where, 'header', `at most ${MOST_JSON_DEPTH} brackets within each other`, 'more');
    } else if (char === '}' || char === ']') open.pop();
    if (char !== '"') continue;
    const end = stringEnd(text, at);
    if (isKey(text, end)) {
      const key = JSON.parse(text.slice(at, end)) as string;
      const seen = open.at(-1)!;
      if (seen.has(key)) fail(where, 'header', 'each name once', `${quote(key)} twice`);
      seen.add(key);
      if (open.length === 1) names.push(key);
    }
    at = end - 1;
  }
  return names;
}

/** Index after the closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKey(text: string, from: number): boolean {
  let at = from;
  while (' \t\n\r'.includes(text[at] ?? '.')) at++;
  return text[at] === ':';
}

function parseMetadata(value: unknown, where: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) fail(where, '__metadata__', 'an object of strings', short(JSON.stringify(value)));
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') fail(where, `__metadata__.${short(key)}`, 'a string', short(JSON.stringify(item)));
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, where: string): HeaderEntry {
  const part = (field: string) => `tensor ${quote(name)}: ${field}`;
  if (!isObject(value)) fail(where, part('entry'), '{dtype, shape, data_offsets}', short(JSON.stringify(value)));
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype)) {
    fail(where, part('dtype'), `one of ${Object.keys(elementBytes).join(', ')}`, describe(dtype));
  }
  if (!isSizes(shape)) fail(where, part('shape'), 'a list of integers, each 0 to 2^53 - 1', describe(shape));
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    fail(where, part('data_offsets'), '[begin, end] with 0 <= begin <= end', describe(offsets));
  }
  const [begin, end] = [offsets[0]!, offsets[1]!];
  if (shape.length > MOST_DIMENSIONS)
    fail(where, part('shape'), `at most ${MOST_DIMENSIONS} dimensions`, String(shape.length));
  const count = elementCount(shape);
  if (count === undefined) fail(where, part('shape'), 'at most 2^53 elements in all', describe(shape));
  const bytes = count * elementBytes[dtype as SafetensorsDtype];
  if (bytes !== end - begin) {
    fail(where, part('data_offsets'), `${bytes} bytes for ${dtype} [${shape}]`, `${end - begin} bytes ([${offsets}])`);
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

/** As in the reference reader: the tensors fill the data part exactly, with no overlap, no hole and nothing behind. */
function checkCoverage(entries: readonly HeaderEntry[], dataBytes: number, where: string): void {
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of sorted) {
    const part = `tensor ${quote(name)}: data_offsets`;
    const found = `[${begin},${end}]`;
    if (end > dataBytes) fail(where, part, `an end of at most ${dataBytes}, the bytes after the header`, found);
    if (begin < covered)
      fail(where, part, `a begin of ${covered}, where the tensor before it ends`, `${found}, an overlap`);
    if (begin > covered)
      fail(where, part, `a begin of ${covered}, where the tensor before it ends`, `${found}, a hole`);
    covered = end;
  }
  if (covered !== dataBytes) fail(where, 'data', `${covered} bytes, as the header says`, `${dataBytes} bytes`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function describe(value: unknown): string {
  return value === undefined ? 'none' : short(JSON.stringify(value));
}

function quote(name: string): string {
  return `"${short(name)}"`;
}

/** A damaged file can hold a name of megabytes. */
function short(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
