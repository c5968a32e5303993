import { UserError } from '../../graph/errors.ts';
import type { ReadExternal } from './tensorData.ts';

/** Together with the model's own bytes: no classifier's float32 weights come near. */
const MAX_BYTES = 4 * 2 ** 30;

/** A file of weights beside a model. */
export interface ExternalFile {
  readonly size: number;
  read(offset: number, bytes: number): Uint8Array;
  close(): void;
}

/** The files that a model may keep its weights in; `named` is what messages call the tensor. */
export interface ExternalFolder {
  /** The one file that a location means. @throws UserError where it may not be read or is not there. */
  locate(location: string, named: string): string;
  open(file: string, named: string): ExternalFile;
}

/**
 * Reads the weights that an ONNX file keeps beside itself. A tensor's bytes are allocated after the size of the file was compared
 * with them; and no byte is read for two tensors, unless they are the same place.
 */
export function externalReader(path: string, folder: ExternalFolder): ReadExternal {
  const [held, spent] = [new Map<string, Uint8Array>(), new Map<string, number>()];
  return (proto, bytes) => {
    const named = `${path}: tensor "${proto.name ?? ''}"`;
    const entry = (key: string) => proto.externalData.find((one) => one.key === key)?.value;
    const file = folder.locate(entry('location') ?? '', named);
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
    const opened = folder.open(file, named);
    try {
      const read = checkedRead({ file, offset, bytes, named, total, before: spent.get(file) ?? 0 }, opened.size);
      spent.set(file, read);
      const data = opened.read(offset, bytes);
      held.set(place, data);
      return data;
    } finally {
      opened.close();
    }
  };
}

interface Part {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly named: string;
  /** Bytes of all files with these, and of this one without. */
  readonly total: number;
  readonly before: number;
}

/** Bytes that were read of the file, with these. */
function checkedRead({ file, offset, bytes, named, total, before }: Part, size: number): number {
  if (offset + bytes > size)
    throw new UserError(
      `${named}: wanted bytes ${offset} to ${offset + bytes} of ${file}, got a file of ${size} bytes. Was it cut off in a download?`,
    );
  const read = before + bytes;
  if (read > size || total > MAX_BYTES)
    throw new UserError(
      `${named}: wanted tensors that share no bytes and are below 4 GiB, got more than ${file} holds`,
    );
  return read;
}

/** @throws UserError for a location that leads out of the model's folder. */
export const refuseLocation = (location: string, named: string): UserError =>
  new UserError(
    `${named}: wanted external data in a file beside the model, got the location "${location}". A model may not read other files`,
  );

function wholeNumber(text: string, named: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new UserError(`${named}: wanted whole numbers as offset and length of its external data, got "${text}"`);
  return value;
}
