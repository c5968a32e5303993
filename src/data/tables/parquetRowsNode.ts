import { asyncBufferFromFile, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { pack } from 'tar-stream';
import { brief, UserError } from '../../graph/errors.ts';
import { damageReason } from '../images/damageReason.ts';

/** Rows read at once: images are large, and a row group may hold thousands. */
const ROWS = 64;

/**
 * The images of a Hugging Face Parquet file as the bytes of a tar shard: a column `image` of {bytes, path}, and `label` with its
 * class names in the file's metadata.
 * @param onRows told how many rows are done
 * @throws UserError that names the file.
 */
export async function* tarOf(file: string, onRows: (rows: number) => void): AsyncGenerator<Buffer> {
  const source = await asyncBufferFromFile(file);
  const metadata = await orDamaged(file, () => parquetMetadataAsync(source));
  const columns = await orDamaged(file, () => columnsOf(file, metadata));
  const archive = pack();
  const rows = Number(metadata.num_rows);
  const chunks = archive[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const written = writeRows();
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  await written;

  async function writeRows(): Promise<void> {
    try {
      for (let from = 0; from < rows; from += ROWS) {
        const range = { rowStart: from, rowEnd: Math.min(rows, from + ROWS) };
        const read = await orDamaged(file, () =>
          parquetReadObjects({ file: source, metadata, columns: columns.names, compressors, utf8: false, ...range }),
        );
        if (read.length !== range.rowEnd - from)
          throw new UserError(
            `${file}: wanted ${rows} rows, as its metadata says, got none from row ${from + read.length} on. Download it again`,
          );
        for (const [i, row] of read.entries()) await addRow(from + i, row);
        onRows(range.rowEnd);
      }
      archive.finalize();
    } catch (error) {
      archive.destroy(error as Error);
    }
  }

  async function addRow(index: number, row: { readonly [name: string]: unknown }): Promise<void> {
    const key = String(index).padStart(9, '0');
    await add(`${key}.${columns.ending}`, imageBytes(file, index, row[columns.image]));
    const label = columns.label === undefined ? undefined : labelOf(file, index, row[columns.label], columns.classes);
    if (label !== undefined) await add(`${key}.cls`, Buffer.from(label));
  }

  function add(name: string, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      archive.entry({ name, mtime: new Date(0) }, bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
}

interface Columns {
  readonly names: string[];
  readonly image: string;
  readonly label: string | undefined;
  /** Class names by id, where the file says them. */
  readonly classes: readonly string[] | undefined;
  /** The decoder looks at the bytes, not at this. */
  readonly ending: 'jpg';
}

function columnsOf(file: string, metadata: FileMetaData): Columns {
  const top: string[] = [];
  for (let i = 1; i < metadata.schema.length; i += subtree(metadata.schema, i)) top.push(metadata.schema[i]!.name);
  const image = ['image', 'img', 'jpg', 'png'].find((name) => top.includes(name));
  if (image === undefined)
    throw new UserError(
      `${file}: wanted a column image, got ${brief(top.slice(0, 8).join(', '), 300) || 'no columns'}. Rename the column that holds the images`,
    );
  const label = ['label', 'labels', 'fine_label', 'class', 'cls'].find((name) => top.includes(name));
  const names = label === undefined ? [image] : [image, label];
  return { names, image, label, classes: label === undefined ? undefined : classesOf(metadata, label), ending: 'jpg' };
}

/** Number of schema elements in the tree at `at`. */
function subtree(schema: FileMetaData['schema'], at: number): number {
  let size = 1;
  for (let i = 0; i < (schema[at]?.num_children ?? 0) && at + size < schema.length; i++)
    size += subtree(schema, at + size);
  return size;
}

/** Hugging Face's `datasets` writes its features as JSON into the file's metadata. */
function classesOf({ key_value_metadata }: FileMetaData, label: string): readonly string[] | undefined {
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  try {
    const names: unknown = JSON.parse(text ?? '{}')?.info?.features?.[label]?.names;
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}

function imageBytes(file: string, row: number, value: unknown): Buffer {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null)?.bytes;
  // A row without bytes stays in the list: it is counted and named as a bad image.
  if (bytes === null || bytes === undefined) return Buffer.alloc(0);
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new UserError(`${file}: row ${row}: image: wanted bytes, got ${typeof bytes}`);
}

function labelOf(
  file: string,
  row: number,
  value: unknown,
  classes: readonly string[] | undefined,
): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === 'string') return value;
  const id = Number(value);
  // -1 is how datasets say that there is no label.
  if (id === -1) return undefined;
  if (!Number.isInteger(id) || id < 0)
    throw new UserError(`${file}: row ${row}: label: wanted an id or a name, got ${brief(String(value))}`);
  if (classes && id >= classes.length)
    throw new UserError(
      `${file}: row ${row}: label: wanted an id below ${classes.length}, the number of class names, got ${id}`,
    );
  return classes?.[id] ?? String(id);
}

async function orDamaged<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${file}: wanted a Parquet file, got a damaged one (${damageReason(error)}). Download it again`,
    );
  }
}
