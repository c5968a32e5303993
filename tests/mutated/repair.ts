import { createHash } from 'node:crypto';
import type { FileSet } from './seeds.ts';

/** The bytes with the checksums that their format has made right again, as far as its structure can be followed. */
export function repaired(ending: string, bytes: Buffer): Buffer {
  if (ending === 'png') return repairedPng(bytes);
  if (ending === 'tar') return repairedTar(bytes);
  return bytes;
}

function repairedPng(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 8; at + 12 <= copy.length; ) {
    const end = at + 8 + copy.readUInt32BE(at);
    if (end + 4 > copy.length) break;
    copy.writeUInt32BE(crc32(copy.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return copy;
}

/** Of each block that looks like a header. */
function repairedTar(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; at + 512 <= copy.length; at += 512) {
    const header = copy.subarray(at, at + 512);
    if (header.subarray(257, 262).toString('latin1') !== 'ustar') continue;
    header.fill(' ', 148, 156);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return copy;
}

/** Of PNG (ISO/IEC 15948, annex D). */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/**
 * The files of a checkpoint with the digests of what they are now: a SHA-256 that does not fit would stop the reader before what
 * the damage says. Where there are none, or no JSON, nothing is changed.
 */
export function repairedDigests(files: FileSet, last: string): FileSet {
  const place = `${last}/state.json`;
  try {
    const { digests, ...kept } = JSON.parse(files[place]!.toString('utf8'));
    if (digests === undefined) return files;
    const of = (name: string) => sha256(files[`${last}/${name}`]!);
    const arrays = ['model.safetensors', 'optimizer.safetensors'].map((name) => [name, of(name)]);
    const fresh = { ...Object.fromEntries(arrays), 'state.json': sha256(Buffer.from(JSON.stringify(kept))) };
    return { ...files, [place]: Buffer.from(`${JSON.stringify({ ...kept, digests: fresh }, null, 2)}\n`) };
  } catch {
    return files;
  }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
