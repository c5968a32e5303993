import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import type { ReadExternal } from './tensorData.ts';

/** Together with the model's own bytes: no classifier's float32 weights come near. */
const MAX_BYTES = 4 * 2 ** 30;

/**
 * Reads the weights that an ONNX file keeps beside itself. Only files below its own folder are read, wherever links lead; a
 * tensor's bytes are allocated after the size of the file was compared with them; and no byte is read for two tensors, unless
 * they are the same place.
 */
export function externalReader(path: string): ReadExternal {
  const [held, spent] = [new Map<string, Uint8Array>(), new Map<string, number>()];
  return (proto, bytes) => {
    const named = `${path}: tensor "${proto.name ?? ''}"`;
    const entry = (key: string) => proto.externalData.find((one) => one.key === key)?.value;
    const file = locate(path, entry('location') ?? '', named);
    const offset = wholeNumber(entry('offset') ?? '0', named);
    const length = wholeNumber(entry('length') ?? String(bytes), named);
    if (length !== bytes)
      throw new UserError(
        `${named}: wanted ${bytes} bytes of external data for [${proto.dims.join(',')}], got ${length}`,
      );
    const place = `${file}\0${offset}\0${bytes}`;
    const known = held.get(place);
    if (known) return known;
    const total = [...spent.values()].reduce((sum, n) => sum + n, bytes);
    const data = readPart(file, offset, bytes, named, spent, total);
    held.set(place, data);
    return data;
  };
}

function readPart(
  file: string,
  offset: number,
  bytes: number,
  named: string,
  spent: Map<string, number>,
  total: number,
): Uint8Array {
  // Before it is opened: opening a pipe waits for a writer.
  if (!statSync(file).isFile()) throw new UserError(`${named}: wanted a file of weights, got ${file}, which is none`);
  const handle = openSync(file, 'r');
  try {
    const stat = fstatSync(handle);
    if (offset + bytes > stat.size)
      throw new UserError(
        `${named}: wanted bytes ${offset} to ${offset + bytes} of ${file}, got a file of ${stat.size} bytes. Was it cut off in a download?`,
      );
    const read = (spent.get(file) ?? 0) + bytes;
    if (read > stat.size || total > MAX_BYTES)
      throw new UserError(
        `${named}: wanted tensors that share no bytes and are below 4 GiB, got more than ${file} holds`,
      );
    spent.set(file, read);
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; ) {
      const count = readSync(handle, data, at, bytes - at, offset + at);
      if (count === 0) throw new UserError(`${named}: ${file} ended while it was read`);
      at += count;
    }
    return data;
  } finally {
    closeSync(handle);
  }
}

/** The real path of a location, which must be below the model's folder (or below the folder that its link leads to). */
function locate(path: string, location: string, named: string): string {
  const clean = normalize(location);
  if (location === '' || isAbsolute(location) || /^[A-Za-z]:|\\/.test(location) || clean.split(sep).includes('..'))
    throw new UserError(
      `${named}: wanted external data in a file beside the model, got the location "${location}". A model may not read other files`,
    );
  const wanted = join(dirname(path), clean);
  let real: string;
  try {
    real = realpathSync(wanted);
  } catch {
    throw new UserError(
      `${named}: its weights are in ${wanted}, which is not there; put it beside the model under that name`,
    );
  }
  const allowed = [realpathSync(dirname(path)), dirname(realpathSync(path))];
  if (
    allowed.some((folder) => !relative(folder, real).split(sep).includes('..') && !isAbsolute(relative(folder, real)))
  )
    return real;
  throw new UserError(
    `${named}: wanted external data in the model's own folder, got a link out of it: ${wanted} is ${real}`,
  );
}

function wholeNumber(text: string, named: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new UserError(`${named}: wanted whole numbers as offset and length of its external data, got "${text}"`);
  return value;
}
