import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize, relative, sep } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { type ExternalFile, externalReader, refuseLocation } from './externalData.ts';
import type { ReadExternal } from './tensorData.ts';

/** Reads the weights that an ONNX file keeps beside itself: only files below its own folder, wherever links lead. */
export const externalFiles = (path: string): ReadExternal =>
  externalReader(path, { locate: (location, named) => locate(path, location, named), open });

function open(file: string, named: string): ExternalFile {
  // Before it is opened: opening a pipe waits for a writer.
  if (!statSync(file).isFile()) throw new UserError(`${named}: wanted a file of weights, got ${file}, which is none`);
  const handle = openSync(file, 'r');
  return {
    size: fstatSync(handle).size,
    read: (offset, bytes) => {
      const data = new Uint8Array(bytes);
      for (let at = 0; at < bytes; ) {
        const count = readSync(handle, data, at, bytes - at, offset + at);
        if (count === 0) throw new UserError(`${named}: ${file} ended while it was read`);
        at += count;
      }
      return data;
    },
    close: () => closeSync(handle),
  };
}

/** The real path of a location, which must be below the model's folder (or below the folder that its link leads to). */
function locate(path: string, location: string, named: string): string {
  const clean = normalize(location);
  if (location === '' || isAbsolute(location) || /^[A-Za-z]:|\\/.test(location) || clean.split(sep).includes('..'))
    throw refuseLocation(location, named);
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
