import { UserError } from '../graph/errors.ts';

/** Numbers from 0 to 255 in so many dimensions, as MNIST and its relatives are published. */
export interface IdxArray {
  /** Outermost first: [images, rows, columns], or [labels]. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads the bytes of an idx file (unpacked) of unsigned bytes: two zeros, the type 8, the number of dimensions, each dimension as
 * 4 bytes, big end first, then the values (the format is told at the foot of MNIST's page).
 * @throws UserError that names the file.
 */
export function parseIdx(bytes: Uint8Array, path: string): IdxArray {
  const fail = (wanted: string, got: string): never => {
    throw new UserError(`${path}: wanted ${wanted}, got ${got}; obtain the file again`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dimensions = bytes[3] ?? 0;
  const start = 4 + 4 * dimensions;
  if (bytes.length < start || view.getUint16(0) !== 0 || bytes[2] !== 8 || dimensions === 0)
    fail('an idx file of unsigned bytes (00 00 08 and the number of dimensions)', `it begins ${hex(bytes)}`);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const count = shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== start + count) fail(`${start + count} bytes for ${shape.join(' x ')}`, `${bytes.length}`);
  return { shape, data: bytes.subarray(start) };
}

const hex = (bytes: Uint8Array): string =>
  bytes.length === 0 ? 'nothing (no bytes)' : Buffer.from(bytes.subarray(0, 4)).toString('hex');
