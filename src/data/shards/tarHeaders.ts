import { UserError } from '../../graph/errors.ts';

/** A file in a tar archive. */
export interface TarEntry {
  readonly name: string;
  /** Of its bytes in the archive. */
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;
/** Names that an archive keeps as an entry of their own are not longer than this. */
const LONGEST_NAME = 65_536;
/** Bytes after the end of an archive that are looked at: writers fill up to 10 or 20 blocks with zeros. */
const TAIL = 65_536;
const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const utf8 = new TextDecoder();

/**
 * The regular files of a tar archive, from its headers alone: POSIX ustar and pax, and GNU's long names and binary sizes.
 * Only headers are read, so that a shard of gigabytes is listed at once; that is why this is not done by a streaming library.
 * @param read the bytes at an offset, fewer at the end
 * @param onCut told how an archive ends that has no end mark, so that entries may be missing
 * @throws UserError for what is no tar archive, or ends within an entry.
 */
export function* tarEntries(
  file: string,
  fileSize: number,
  read: (offset: number, length: number) => Uint8Array,
  onCut: (how: string) => void = () => undefined,
): Generator<TarEntry> {
  let longName: string | undefined;
  let longSize: number | undefined;
  let at = 0;
  while (at + BLOCK <= fileSize) {
    const header = read(at, BLOCK);
    if (header.every((byte) => byte === 0)) {
      if (read(at, TAIL).some((byte) => byte !== 0))
        onCut(`another archive or other bytes follow its end mark at byte ${at}, and are not read`);
      return;
    }
    if (!checksumFits(header)) throw damaged(file, at, 'a header whose checksum does not fit');
    const type = latin(header.subarray(156, 157));
    const size = longSize ?? sizeField(file, at, header.subarray(124, 136));
    const [offset, next] = [at + BLOCK, at + BLOCK + Math.ceil(size / BLOCK) * BLOCK];
    if (offset + size > fileSize)
      throw damaged(file, at, `an entry of ${size} bytes, which is more than the file holds`);
    if (type === 'L' || type === 'x') {
      if (size > LONGEST_NAME) throw damaged(file, at, `a name of ${size} bytes`);
      const text = utf8.decode(read(offset, size));
      if (type === 'L') longName = text.replace(/\0.*$/s, '');
      else ({ path: longName = longName, size: longSize } = paxFields(text));
    } else {
      if (type === '0' || type === '\0' || type === '7') yield { name: longName ?? shortName(header), offset, size };
      longName = undefined;
      longSize = undefined;
    }
    at = next;
  }
  onCut(
    at < fileSize
      ? `it ends within a header at byte ${at}: it was cut`
      : `it ends at byte ${fileSize} without an end mark: it was cut, or its writer was ended`,
  );
}

function checksumFits(header: Uint8Array): boolean {
  const told = Number.parseInt(
    latin(header.subarray(148, 156))
      .replace(/[\0 ]+$/, '')
      .trim(),
    8,
  );
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : header[i]!;
  return told === sum;
}

/** Octal digits, or, where the first bit is set, a big-endian number. */
function sizeField(file: string, at: number, field: Uint8Array): number {
  const size =
    (field[0]! & 0x80) !== 0
      ? field.subarray(1).reduce((value, byte) => value * 256 + byte, field[0]! & 0x7f)
      : Number.parseInt(
          latin(field)
            .replace(/[\0 ]+$/, '')
            .trim() || '0',
          8,
        );
  if (!Number.isSafeInteger(size) || size < 0) throw damaged(file, at, 'a size that is no number');
  return size;
}

function shortName(header: Uint8Array): string {
  const text = (from: number, length: number) =>
    utf8.decode(header.subarray(from, from + length)).replace(/\0.*$/s, '');
  const prefix = latin(header.subarray(257, 262)) === 'ustar' ? text(345, 155) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** `length key=value\n` records of a pax header. */
function paxFields(text: string): { path?: string; size?: number } {
  const fields: { path?: string; size?: number } = {};
  for (const line of text.split('\n')) {
    const [, key, value] = /^\d+ ([^=]+)=(.*)$/s.exec(line) ?? [];
    if (key === 'path' && value) fields.path = value;
    if (key === 'size' && Number.isSafeInteger(Number(value)) && Number(value) >= 0) fields.size = Number(value);
  }
  return fields;
}

function damaged(file: string, at: number, what: string): UserError {
  return new UserError(
    `${file}: wanted a tar archive (uncompressed), got ${what} at byte ${at}. Download or write the archive again; a compressed one must be unpacked first`,
  );
}
