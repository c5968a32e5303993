import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { relative } from 'node:path';
import { brief, UserError } from '../graph/errors.ts';
import { spanAddress } from './address.ts';
import type { Record } from './record.ts';
import { isImageName } from './imageNames.ts';
import { unreadable } from './listingNode.ts';
import { type TarEntry, tarEntries } from './tarHeaders.ts';

/** A label file of more bytes than this is not one. */
const LARGEST_LABEL = 1_000_000;

/**
 * Images of a WebDataset shard: files of one key lie together, `key.jpg` with `key.cls` (an id or a name) or `key.json`
 * (label, class or cls). The key ends at the first dot of the file's name. Nothing is unpacked: an image is a span of the shard.
 * @throws UserError that names the file and the entry.
 */
export function readTar(file: string, root: string): Record[] {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const { size } = fstatSync(handle);
    const read = (offset: number, length: number) => readAt(handle, offset, length);
    const samples = new Map<string, Sample>();
    for (const entry of tarEntries(file, size, read)) addTo(samples, entry);
    const container = relative(root, file);
    return [...samples].flatMap(([key, { image, label }]) => {
      if (!image) return [];
      const path = spanAddress({ container, offset: image.offset, length: image.size, name: image.name });
      return [{ path, label: label && readLabel(`${file}: ${brief(label.name, 1024)}`, key, label, read) }];
    });
  } finally {
    closeSync(handle);
  }
}

interface Sample {
  image?: TarEntry;
  label?: TarEntry;
}

function addTo(samples: Map<string, Sample>, entry: TarEntry): void {
  const slash = entry.name.lastIndexOf('/') + 1;
  const dot = entry.name.indexOf('.', slash);
  if (dot <= slash) return;
  const [key, ending] = [entry.name.slice(0, dot), entry.name.slice(dot).toLowerCase()];
  const sample = samples.get(key) ?? {};
  if (isImageName(ending)) sample.image ??= entry;
  else if (ending === '.cls' || (ending === '.json' && !sample.label)) sample.label = entry;
  else return;
  samples.set(key, sample);
}

function readLabel(where: string, key: string, entry: TarEntry, read: Read): string {
  if (entry.size > LARGEST_LABEL) throw new UserError(`${where}: wanted a label, got ${entry.size} bytes`);
  const text = read(entry.offset, entry.size).toString('utf8').trim();
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
