import { type FileHandle, open } from 'node:fs/promises';
import { type AtomicOptions, writeFileAtomic } from '../disk/atomicNode.ts';
import { fileError } from '../disk/fileErrorNode.ts';
import { checkModelFile } from '../disk/regularFileNode.ts';
import { type SafetensorsFile, type SafetensorsSource, safetensorsChunks, viewTensors } from './safetensors.ts';
import { type Header, headerLength, parseHeader } from './safetensorsHeader.ts';

/**
 * Write a file so that a kill leaves the old one or the whole new one. The tensors must not change until it is done.
 * @throws UserError if the disk refuses.
 */
export async function writeSafetensors(
  path: string,
  tensors: SafetensorsSource,
  metadata: Readonly<Record<string, string>> = {},
  options: AtomicOptions = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsChunks(tensors, metadata), options);
}

/** @throws UserError if the file cannot be read or is malformed; the latter before its data is read. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return withFile(path, async (file) => {
    const { header, dataStart, dataBytes } = await readHeader(file, path);
    return viewTensors(header, await readExactly(file, dataStart, dataBytes));
  });
}

/** Names, shapes and metadata alone: a few reads, however big the file is. Errors as in `readSafetensors`. */
export async function readSafetensorsHeader(path: string): Promise<Header> {
  return withFile(path, async (file) => (await readHeader(file, path)).header);
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  checkModelFile(path, 'safetensors');
  try {
    const file = await open(path, 'r');
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(error, path, 'read it');
  }
}

async function readHeader(file: FileHandle, path: string) {
  const { size } = await file.stat();
  const length = headerLength(await readExactly(file, 0, Math.min(8, size)), size, path);
  const dataStart = 8 + length;
  const dataBytes = size - dataStart;
  return { header: parseHeader(await readExactly(file, 8, length), dataBytes, path), dataStart, dataBytes };
}

/** In pieces, because one read call takes at most 2 GiB. Own memory, so that the data part begins aligned. */
async function readExactly(file: FileHandle, start: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(count - at, 2 ** 30), start + at);
    if (bytesRead === 0) throw new Error('internal: the file became shorter while it was read');
    at += bytesRead;
  }
  return bytes;
}
