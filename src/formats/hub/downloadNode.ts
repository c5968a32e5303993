import { statSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { fileError } from '../disk/fileErrorNode.ts';
import { checksum } from './checkedNode.ts';
import type { HubClient, HubFile } from './clientNode.ts';
import { HubFailure, isPassing } from './errors.ts';
import type { HubSettings } from './settingsNode.ts';

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes that are there, those of an earlier attempt included. */
  readonly bytes: number;
  readonly total: number;
}

export type OnDownload = (progress: DownloadProgress) => void;

/**
 * Downloads a file to `blob`, which has its name when it is whole and checked; until then it grows as `blob.incomplete`, and a
 * later call goes on there. Bytes are written at their places, so that two processes at once do no harm.
 * @throws UserError if the Hub or the disk refuses, or the checksum is wrong.
 */
export async function downloadBlob(
  client: HubClient,
  { commit, file, blob }: { readonly commit: string; readonly file: HubFile; readonly blob: string },
  settings: HubSettings,
  onProgress: OnDownload,
): Promise<void> {
  if (sizeOf(blob) === file.size) return;
  const incomplete = `${blob}.incomplete`;
  await mkdir(dirname(blob), { recursive: true }).catch((error) => {
    throw fileError(error, blob, 'write it');
  });
  if ((sizeOf(incomplete) ?? 0) > file.size) await rm(incomplete);
  await fetchRest(client, { commit, file, incomplete }, settings, onProgress);
  await verify(incomplete, file);
  await rename(incomplete, blob).catch((error) => {
    // Another process was faster.
    if (sizeOf(blob) !== file.size) throw fileError(error, blob, 'write it');
  });
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Goes on where a connection breaks. */
async function fetchRest(
  client: HubClient,
  { commit, file, incomplete }: { readonly commit: string; readonly file: HubFile; readonly incomplete: string },
  settings: HubSettings,
  onProgress: OnDownload,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const from = sizeOf(incomplete) ?? 0;
    onProgress({ file: file.path, bytes: from, total: file.size });
    if (from === file.size && from > 0) return;
    try {
      await append(await client.open(commit, file, from), { file, incomplete, from }, settings.timeout, onProgress);
      if ((sizeOf(incomplete) ?? 0) === file.size) return;
      throw new HubFailure(0, '', 'the connection was closed too early');
    } catch (error) {
      const told = client.explain(error);
      const failure = told instanceof UserError ? told.cause : told;
      if (!(failure instanceof HubFailure) || !isPassing(failure) || attempt >= settings.attempts) throw told;
      if (failure.code === 'RangeIgnored') await rm(incomplete, { force: true });
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(200 * 2 ** attempt, settings.timeout)));
  }
}

async function append(
  stream: ReadableStream<Uint8Array>,
  { file, incomplete, from }: { readonly file: HubFile; readonly incomplete: string; readonly from: number },
  timeout: number,
  onProgress: OnDownload,
): Promise<void> {
  const reader = stream.getReader();
  const out = await open(incomplete, from === 0 ? 'w' : 'r+').catch((error) => {
    throw fileError(error, incomplete, 'write it');
  });
  try {
    for (let at = from; ; ) {
      const { done, value } = await inTime(reader.read(), timeout);
      if (done) return;
      if (at + value.length > file.size) throw tooLong(file);
      await out.write(value, 0, value.length, at);
      at += value.length;
      onProgress({ file: file.path, bytes: at, total: file.size });
    }
  } catch (error) {
    throw streamError(error, incomplete);
  } finally {
    await reader.cancel().catch(() => undefined);
    await out.close();
  }
}

const tooLong = (file: HubFile): UserError =>
  new UserError(`${file.path}: wanted ${file.size} bytes, as the Hub lists it, got more. Try again later`);

/** A stream ends with an error of the disk, of ours, or of the network. */
function streamError(error: unknown, path: string): unknown {
  const told = fileError(error, path, 'write it');
  if (told instanceof UserError || told instanceof HubFailure) return told;
  return HubFailure.ofNetwork(error, 0);
}

async function inTime<T>(work: Promise<T>, timeout: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HubFailure(0, '', `no byte in ${timeout / 1000} s`)), timeout);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A file with another checksum is thrown away. */
async function verify(path: string, { path: name, hash, size }: HubFile): Promise<void> {
  const got = await checksum(path, hash, size);
  if (got === hash) return;
  await rm(path, { force: true });
  throw new UserError(
    `${name}: wanted the checksum ${hash.slice(0, 12)}..., got ${got.slice(0, 12)}...: what came is not what the Hub lists. It was deleted; download it again`,
  );
}
