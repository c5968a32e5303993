import { open, stat } from 'node:fs/promises';
import type { MetricRow } from '../../train/loggers/metricRow.ts';

/**
 * A place in a metrics.jsonl: the file (a resume writes another one in its place) and the bytes that were read. As text it is the id of
 * an event, so that a page goes on where it was, whichever server it asks.
 */
export interface Cursor {
  readonly file: string;
  readonly at: number;
}

export const START: Cursor = { file: '', at: 0 };

export const cursorText = ({ file, at }: Cursor): string => `${file}-${at}`;

export function parseCursor(text: string): Cursor {
  const [, file, at] = /^(\d*)-(\d+)$/.exec(text) ?? [];
  return file === undefined ? START : { file, at: Number(at) };
}

export interface Followed {
  /** Whether the rows begin the file anew: it is another one, or was cut. */
  readonly anew: boolean;
  readonly rows: readonly MetricRow[];
  readonly cursor: Cursor;
  /** More was there than is read at once. */
  readonly more: boolean;
  /** When the file was begun, in milliseconds since 1970. */
  readonly born: number;
}

/** Bytes that are read at once. */
const PIECE = 1 << 20;

/** The whole lines that were written since; a half-written one waits for its end. */
export async function follow(path: string, since: Cursor): Promise<Followed> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return { anew: false, rows: [], cursor: since, more: false, born: 0 };
  const file = String(found.ino);
  const anew = since.file !== file || found.size < since.at;
  const from = anew ? 0 : since.at;
  const bytes =
    found.size === from ? new Uint8Array() : await readPiece(path, from, Math.min(PIECE, found.size - from));
  const end = bytes.lastIndexOf(10) + 1;
  const rows = rowsOf(Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8'));
  return {
    anew,
    rows,
    cursor: { file, at: from + end },
    more: end > 0 && from + end < found.size,
    born: found.birthtimeMs,
  };
}

async function readPiece(path: string, from: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A line that is no JSON is damage of that line alone. */
function rowsOf(text: string): MetricRow[] {
  const rows: MetricRow[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      rows.push(JSON.parse(line) as MetricRow);
    } catch {
      // Left out, as what was never written.
    }
  }
  return rows;
}
