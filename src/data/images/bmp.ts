import type { Pixels } from '../augment/pixels.ts';

const compressionNone = 0;
const compressionBitFields = 3;

/** True when the bytes open like a Windows bitmap. */
export function isBmp(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/** A bitmap of more pixels than the limit. */
export class TooManyPixels extends Error {}

/** Width and height that the header claims. Throws Error with what is wrong. */
export function bmpSize(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  return readHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/**
 * Decode an uncompressed BMP with 1, 4 or 8 (palette), 24 or 32 bits a pixel, bottom-up or top-down, to RGB. libvips as built
 * for sharp has no BMP reader. The fourth byte of 32-bit pixels is ignored: most writers leave it 0.
 * Source: Microsoft, BITMAPFILEHEADER and BITMAPINFOHEADER. Throws Error with what is wrong.
 */
export function decodeBmp(bytes: Uint8Array, most = Infinity): Pixels {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view);
  const { width, height, bits, start, stride } = header;
  if (start + stride * height > bytes.length)
    throw new Error(`a truncated BMP (${start + stride * height} bytes wanted, ${bytes.length} there)`);
  // A bitmap of one bit a pixel holds 24 times its size.
  if (width * height > most) throw new TooManyPixels(`${width} x ${height} pixels`);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, out = 0; y < height; y++) {
    const row = start + stride * (header.topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++, out += 3) {
      const at = row + Math.floor((x * bits) / 8);
      const from = bits <= 8 ? header.palette + 4 * colourIn(bytes[at]!, x, bits) : at;
      data[out] = bytes[from + 2]!;
      data[out + 1] = bytes[from + 1]!;
      data[out + 2] = bytes[from]!;
    }
  }
  return { data, width, height };
}

/** The leftmost pixel of a byte has its highest bits. */
const colourIn = (byte: number, x: number, bits: number): number =>
  (byte >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);

function readHeader(view: DataView) {
  if (view.byteLength < 54) throw new Error(`a truncated BMP (${view.byteLength} bytes)`);
  const size = view.getUint32(14, true);
  if (size < 40) throw new Error('a BMP with an OS/2 header, which is not supported');
  const [width, signedHeight] = [view.getInt32(18, true), view.getInt32(22, true)];
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)];
  const plain = compression === compressionNone && [1, 4, 8, 24, 32].includes(bits);
  const masked = compression === compressionBitFields && bits === 32 && hasUsualMasks(view);
  if (!plain && !masked) throw new Error(`a BMP with ${bits} bits and compression ${compression}, not supported`);
  if (width <= 0 || signedHeight === 0) throw new Error(`a BMP of ${width} x ${signedHeight} pixels`);
  return {
    width,
    height: Math.abs(signedHeight),
    topDown: signedHeight < 0,
    bits,
    start: view.getUint32(10, true),
    palette: 14 + size,
    // In floats: 32 bits of a damaged width run over, and rows of no bytes would be fitting.
    stride: Math.ceil((width * bits) / 32) * 4,
  };
}

/** Red, green and blue masks that mean B, G, R, A in memory; they follow the 40-byte header or are part of a longer one. */
function hasUsualMasks(view: DataView): boolean {
  if (view.byteLength < 66) return false;
  return [0xff0000, 0xff00, 0xff].every((mask, i) => view.getUint32(54 + 4 * i, true) === mask);
}
