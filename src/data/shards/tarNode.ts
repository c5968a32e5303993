import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { relative } from 'node:path';
import { brief, UserError } from '../../graph/errors.ts';
import { spanAddress } from '../address.ts';
import { isImageName } from '../images/imageNames.ts';
import { unreadable } from '../folders/listingNode.ts';
import type { Record } from '../record.ts';
import { checkRegular } from '../regularFileNode.ts';
import { type TarEntry, tarEntries } from './tarHeaders.ts';

/** A label file of more bytes than this is not one. */
const LARGEST_LABEL = 1_000_000;

/** What is told of a shard. */
export interface TarReport {
  /** A file that is neither the picture nor the label of its sample, by what follows its key. */
  notRead(ending: string, name: string): void;
  note(text: string): void;
  /** How many samples are read so far; others may run meanwhile. */
  progress(samples: number): Promise<void>;
}

/** Headers between two looks at the clock. */
const LOOK_EVERY = 256;

/**
 * Images of a WebDataset shard: files of one key lie together, `key.jpg` with `key.cls` (an id or a name) or `key.json`
 * (label, class or cls). The key ends at the first dot of the file's name, as WebDataset has it. Of several pictures under one key
 * the one is taken whose ending is a format alone (`key.jpg` beside `key.depth.png`). Nothing is unpacked: an image is a span of the
 * shard.
 * @throws UserError that names the file and the entry.
 */
export async function readTar(file: string, root: string, report: TarReport): Promise<Record[]> {
  checkRegular(file, 'a tar archive (uncompressed)');
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const { size } = fstatSync(handle);
    const read = (offset: number, length: number) => readAt(handle, offset, length);
    const samples: Sample[] = [];
    const byKey = new Map<string, Sample>();
    let cut: string | undefined;
    let entries = 0;
    for (const entry of tarEntries(file, size, read, (how) => (cut = how))) {
      addTo(file, samples, byKey, entry);
      if (++entries % LOOK_EVERY === 0) await report.progress(samples.length);
    }
    const container = relative(root, file);
    const records = samples.flatMap((sample): Record[] => {
      const { image, label, others } = chosen(file, sample);
      for (const [ending, { name }] of others) report.notRead(ending, `${file}: ${name}`);
      if (!image) return [];
      const path = spanAddress({ container, offset: image.offset, length: image.size, name: image.name });
      return [{ path, label: label && readLabel(`${file}: ${brief(label.name, 1024)}`, sample.key, label, read) }];
    });
    if (cut !== undefined)
      report.note(`${file}: ${cut}; ${records.length} images are before that. Download or write it again`);
    return records;
  } finally {
    closeSync(handle);
  }
}

/** The files of one key, by what follows it (`.jpg`, `.depth.png`), in the order of the archive. */
interface Sample {
  readonly key: string;
  readonly files: Map<string, TarEntry>;
}

/**
 * A key that comes again after others, with a file that it had, is another sample: shards are put together so. Of labels that stand
 * apart from their pictures, each joins the last sample of its key.
 */
function addTo(file: string, samples: Sample[], byKey: Map<string, Sample>, entry: TarEntry): void {
  const slash = entry.name.lastIndexOf('/') + 1;
  const dot = entry.name.indexOf('.', slash);
  if (dot <= slash) return;
  const [key, ending] = [entry.name.slice(0, dot), entry.name.slice(dot).toLowerCase()];
  let sample = byKey.get(key);
  if (!sample || (sample.files.has(ending) && sample !== samples.at(-1))) {
    sample = { key, files: new Map() };
    byKey.set(key, sample);
    samples.push(sample);
  }
  if (sample.files.has(ending))
    throw new UserError(
      `${file}: wanted each file of the key ${brief(key)} once, got ${brief(entry.name, 300)} twice. Write the shard again`,
    );
  sample.files.set(ending, entry);
}

/** Which file of a sample is its picture, and which its label. */
function chosen(file: string, { key, files }: Sample) {
  const pictures = [...files.keys()].filter(isImageName);
  const plain = pictures.filter((ending) => ending.lastIndexOf('.') === 0);
  const best = plain.length > 0 ? plain : pictures;
  if (best.length > 1) {
    const names = best.slice(0, 2).map((ending) => brief(files.get(ending)!.name, 300));
    throw new UserError(
      `${file}: wanted one picture under the key ${brief(key)}, got ${best.length}: ${names.join(', ')}. A key ends at the first dot of a file's name (WebDataset): give each sample a key without dots, and each picture that is not the sample's an ending of its own (.depth.png)`,
    );
  }
  const label = ['.cls', '.json'].find((ending) => files.has(ending));
  // A label without a picture is one of them.
  const used = best.length === 0 ? [] : [best[0], label, '.json'];
  const others = [...files].filter(([ending]) => !used.includes(ending));
  return { image: best[0] && files.get(best[0]), label: label && files.get(label), others };
}

function readLabel(where: string, key: string, entry: TarEntry, read: Read): string {
  if (entry.size > LARGEST_LABEL) throw new UserError(`${where}: wanted a label, got ${entry.size} bytes`);
  const text = textOf(where, read(entry.offset, entry.size)).trim();
  if (entry.name.toLowerCase().endsWith('.cls')) {
    if (text === '')
      throw new UserError(`${where}: wanted a class, got an empty file. Mend the sample ${brief(key)} of the shard`);
    return text;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(
      `${where}: wanted JSON with a label, got damaged JSON. Mend the sample ${brief(key)} of the shard`,
    );
  }
  const fields = json !== null && typeof json === 'object' ? (json as { [name: string]: unknown }) : { label: json };
  const label = ['label', 'class', 'cls', 'class_name', 'category']
    .map((name) => fields[name])
    .find((x) => x !== undefined);
  if (typeof label === 'number' || (typeof label === 'string' && label !== '')) return String(label);
  throw new UserError(
    `${where}: wanted label, class or cls to be a name or a number, got ${brief(Object.keys(fields).slice(0, 8).join(', '), 300) || 'nothing'}`,
  );
}

/** In another encoding two classes could become one name. */
function textOf(where: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${where}: wanted a label in UTF-8, got bytes of another encoding. Write the shard again`);
  }
}

type Read = (offset: number, length: number) => Buffer;

function readAt(handle: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const got = readSync(handle, buffer, done, length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return buffer.subarray(0, done);
}
