import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { UserError } from '../../graph/errors.ts';

/** Larger files are no classifiers: the largest published ones have some hundred thousand fields. */
const MAX_FIELDS = 2_000_000;
/** A packed 64-bit list becomes one object a number in JavaScript. Shapes come so, weights do not. */
const MAX_LONG_LIST_BYTES = 8_000_000;
const MAX_DEPTH = 90;

/**
 * Walks the wire format without building anything, so that a file that is cut off, or whose messages would need a hundred
 * times its own size in memory, is refused first. Weights are stepped over.
 * Source: the protocol buffers encoding (tags, wire types, varints).
 */
export function checkSize(bytes: Uint8Array, schema: DescMessage, where: string): void {
  const stack = [{ desc: schema, end: bytes.length }];
  let [at, fields, longListBytes] = [0, 0, 0];
  while (stack.length > 0) {
    const { desc, end } = stack.at(-1)!;
    if (at === end) {
      stack.pop();
      continue;
    }
    const tag = varint(bytes, at, end, where);
    const field = fieldNumbered(desc, Math.floor(tag.value / 8));
    const body = bodyOf(bytes, tag.next, end, tag.value % 8, where);
    const inner = tag.value % 8 === 2 ? messageOf(field) : undefined;
    if (inner) stack.push({ desc: inner, end: body.end });
    else if (isLongList(field)) longListBytes += body.end - body.start;
    at = inner ? body.start : body.end;
    fields++;
    if (fields > MAX_FIELDS || longListBytes > MAX_LONG_LIST_BYTES || stack.length > MAX_DEPTH)
      throw new UserError(
        `${where}: wanted the graph of an image classifier, got more than fits in bounded memory: up to byte ${at} ${fields} fields, ${longListBytes} bytes of 64-bit lists and messages ${stack.length} deep; the limits are ${MAX_FIELDS}, ${MAX_LONG_LIST_BYTES} and ${MAX_DEPTH}`,
      );
  }
}

const tables = new WeakMap<DescMessage, Map<number, DescField>>();

function fieldNumbered(desc: DescMessage, number: number): DescField | undefined {
  let table = tables.get(desc);
  if (!table) {
    table = new Map(desc.fields.map((field) => [field.number, field]));
    tables.set(desc, table);
  }
  return table.get(number);
}

function messageOf(field: DescField | undefined): DescMessage | undefined {
  return field?.fieldKind === 'message' || (field?.fieldKind === 'list' && field.listKind === 'message')
    ? field.message
    : undefined;
}

function isLongList(field: DescField | undefined): boolean {
  if (field?.fieldKind !== 'list' || field.listKind !== 'scalar') return false;
  return field.scalar === ScalarType.INT64 || field.scalar === ScalarType.UINT64;
}

/** A number of at most 53 bits; longer ones (negative numbers) are only stepped over. */
function varint(bytes: Uint8Array, from: number, end: number, where: string): { value: number; next: number } {
  let value = 0;
  for (let i = 0; i < 10 && from + i < end; i++) {
    const byte = bytes[from + i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: from + i + 1 };
  }
  throw broken(where, from);
}

function bodyOf(bytes: Uint8Array, at: number, end: number, wireType: number, where: string) {
  if (wireType === 0) return { start: at, end: varint(bytes, at, end, where).next };
  const length = wireType === 2 ? varint(bytes, at, end, where) : undefined;
  const start = length?.next ?? at;
  const size = length?.value ?? (wireType === 1 ? 8 : wireType === 5 ? 4 : Number.NaN);
  // Not <=: NaN, an unknown wire type, is refused too.
  if (!(start + size <= end)) throw broken(where, at);
  return { start, end: start + size };
}

function broken(where: string, at: number): UserError {
  return new UserError(
    `${where}: wanted an ONNX model, got bytes that end or break off inside a field (at byte ${at}). Was the file cut off in a download, or is it another kind of file?`,
  );
}
