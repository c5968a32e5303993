import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { safetensorsHead } from '../../formats/tensors/safetensors.ts';

/** Embeddings with the images that they are of, in the order of the list. */
export interface EmbeddingTable {
  readonly count: number;
  readonly width: number;
  readonly path: (index: number) => string;
  /** Its class, or undefined. */
  readonly label: (index: number) => string | undefined;
  readonly rows: (from: number, to: number) => Float32Array;
  /** What they are, as texts. */
  readonly about: Readonly<Record<string, string>>;
}

export const FORMATS = ['parquet', 'safetensors'] as const;
export type Format = (typeof FORMATS)[number];

/** A file of them as pieces that are written one after another. */
export const FILE_OF: Readonly<Record<Format, (table: EmbeddingTable) => Generator<Uint8Array>>> = {
  parquet,
  safetensors,
};

/** Rows of a row group: some MB. */
const GROUP = 4096;

/** Columns `path`, `label` (null where there is none) and `embedding`, a list of floats. */
function* parquet({ count, width, path, label, rows, about }: EmbeddingTable): Generator<Uint8Array> {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [
      { name: 'root', num_children: 3 },
      { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      { name: 'label', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      { name: 'embedding', num_children: 1, converted_type: 'LIST', repetition_type: 'REQUIRED' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
    ],
    kvMetadata: Object.entries(about).map(([key, value]) => ({ key: `understudy.${key}`, value })),
  });
  for (let from = 0; from < count; from += GROUP) {
    const to = Math.min(from + GROUP, count);
    const data = rows(from, to);
    const each = <T>(of: (index: number) => T): T[] => Array.from({ length: to - from }, (_, i) => of(from + i));
    writer.write({
      columnData: [
        { name: 'path', data: each(path) },
        { name: 'label', data: each((index) => label(index) ?? null) },
        {
          name: 'embedding',
          // Floats do not compress, and their least and largest value mean nothing.
          codec: 'UNCOMPRESSED',
          statistics: false,
          data: each((index) => Array.from(data.subarray((index - from) * width, (index - from + 1) * width))),
        },
      ],
      rowGroupSize: GROUP,
    });
    yield taken(bytes);
  }
  writer.finish();
  yield taken(bytes);
}

/** What was written since the last call; offsets in the file go on. */
function taken(bytes: ByteWriter): Uint8Array {
  const piece = new Uint8Array(bytes.buffer.slice(0, bytes.index));
  bytes.index = 0;
  return piece;
}

/**
 * Tensors `embedding` F32 [N,D]; `paths` U8, UTF-8 with a zero byte after each; where there are labels, `labels` I64 [N], -1 for none,
 * with the names as JSON in the metadata.
 */
function* safetensors({ count, width, path, label, rows, about }: EmbeddingTable): Generator<Uint8Array> {
  const indices = Array.from({ length: count }, (_, i) => i);
  const paths = Buffer.from(indices.map((i) => `${path(i)}\0`).join(''));
  const given = indices.map(label);
  const names = [...new Set(given.filter((name) => name !== undefined))].sort();
  const place = new Map(names.map((name, i) => [name, i]));
  const labels = BigInt64Array.from(given, (name) => BigInt(name === undefined ? -1 : place.get(name)!));
  const { header } = safetensorsHead(
    [
      ...(names.length > 0 ? [['labels', { dtype: 'I64', shape: [count] }] as const] : []),
      ['embedding', { dtype: 'F32', shape: [count, width] }],
      ['paths', { dtype: 'U8', shape: [paths.length] }],
    ],
    { ...about, ...(names.length > 0 ? { labels: JSON.stringify(names) } : {}) },
  );
  yield header;
  // Wide elements first, as the header has them.
  if (names.length > 0) yield new Uint8Array(labels.buffer);
  for (let from = 0; from < count; from += GROUP) {
    const data = rows(from, Math.min(from + GROUP, count));
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  yield paths;
}
