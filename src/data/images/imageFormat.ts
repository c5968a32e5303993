/** Formats that are decoded. Others that a decoder may know (SVG, say, which can draw for hours) never reach it. */
export type ImageFormat = 'jpg' | 'png' | 'webp' | 'bmp' | 'gif' | 'tiff' | 'avif';

/** First bytes; a dot stands for any byte. Sources: the formats' own standards; for AVIF and HEIC ISO/IEC 14496-12, box `ftyp`. */
const OPENINGS: readonly (readonly [ImageFormat, string])[] = [
  ['jpg', '\xff\xd8'],
  ['png', '\x89PNG\r\n\x1a\n'],
  ['webp', 'RIFF....WEBP'],
  ['gif', 'GIF87a'],
  ['gif', 'GIF89a'],
  ['tiff', 'II\x2a\0'],
  ['tiff', 'MM\0\x2a'],
  // BigTIFF.
  ['tiff', 'II\x2b\0'],
  ['tiff', 'MM\0\x2b'],
  ['bmp', 'BM'],
];

/** What else a picture may be: told by name, so that a user knows what to convert. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['a JPEG XL picture', '\xff\x0a'],
  ['a JPEG XL picture', '\0\0\0\x0cJXL '],
  ['a JPEG 2000 picture', '\0\0\0\x0cjP  '],
  ['a Photoshop file', '8BPS'],
  ['a PDF document', '%PDF'],
  ['an icon', '\0\0\x01\0'],
  ['a ZIP archive', 'PK\x03\x04'],
];

/** What the bytes say that they are: their own opening, whatever the file is called. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const known = OPENINGS.find(([, opening]) => opens(bytes, opening));
  if (known) return known[0];
  return brandsOf(bytes).some((brand) => brand === 'avif' || brand === 'avis') ? 'avif' : undefined;
}

/** What bytes of none of the formats are, for people. */
export function otherFormat(bytes: Uint8Array): string {
  const known = OTHERS.find(([, opening]) => opens(bytes, opening));
  if (known) return known[0];
  if (brandsOf(bytes).some((brand) => /^(he[iv]|mif1|msf1)/.test(brand))) return 'a HEIC picture';
  const start = bytes.subarray(0, 64);
  const text = start.every((x) => x === 9 || x === 10 || x === 13 || (x >= 32 && x !== 127));
  if (!text) return `${bytes.length} bytes of no known image format`;
  const words = new TextDecoder().decode(bytes.subarray(0, 1024));
  return /<svg[\s>]/i.test(words) ? 'an SVG drawing' : `a text file of ${bytes.length} bytes`;
}

function opens(bytes: Uint8Array, opening: string): boolean {
  if (bytes.length < opening.length) return false;
  for (let i = 0; i < opening.length; i++) if (opening[i] !== '.' && bytes[i] !== opening.charCodeAt(i)) return false;
  return true;
}

/** The brands of a file of boxes: the one that it is, then those that it may be read as. */
function brandsOf(bytes: Uint8Array): string[] {
  if (!opens(bytes, '....ftyp')) return [];
  const text = (at: number) => Array.from(bytes.subarray(at, at + 4), (byte) => String.fromCharCode(byte)).join('');
  const end = Math.min(bytes.length, new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0), 256);
  const found = [text(8)];
  for (let at = 16; at + 4 <= end; at += 4) found.push(text(at));
  return found;
}
