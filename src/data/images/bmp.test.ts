import { describe, expect, it } from 'vitest';
import { decodeBmp, isBmp } from './bmp.ts';

const rgb = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180];
const [width, height] = [3, 2];

/** A 3 x 2 bitmap as Windows writes it, with `rgb` inside. */
function makeBmp(bits: 8 | 24 | 32, topDown: boolean, compression = 0): Uint8Array {
  const palette = bits === 8 ? 1024 : 0;
  const masks = compression === 3 ? 12 : 0;
  const stride = Math.ceil((width * bits) / 32) * 4;
  const start = 54 + palette + masks;
  const bytes = new Uint8Array(start + stride * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(10, start, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, topDown ? -height : height, true);
  view.setUint16(28, bits, true);
  view.setUint32(30, compression, true);
  if (masks) for (const [i, mask] of [0xff0000, 0xff00, 0xff].entries()) view.setUint32(54 + 4 * i, mask, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const bgr = [rgb[3 * i + 2]!, rgb[3 * i + 1]!, rgb[3 * i]!];
      const at = start + stride * (topDown ? y : height - 1 - y) + (x * bits) / 8;
      bytes.set(bits === 8 ? [i] : bgr, at);
      if (bits === 8) bytes.set(bgr, 54 + 4 * i);
    }
  }
  return bytes;
}

describe('decodeBmp', () => {
  it.each([
    [8, false, 0],
    [24, false, 0],
    [24, true, 0],
    [32, false, 0],
    [32, true, 3],
  ] as const)('%i bits, top-down %s, compression %i', (bits, topDown, compression) => {
    expect(decodeBmp(makeBmp(bits, topDown, compression))).toEqual({ data: Uint8Array.from(rgb), width, height });
  });

  it('reads 1 bit a pixel, as Pillow writes it', () => {
    const file = 'Qk1GAAAAAAAAAD4AAAAoAAAACgAAAAIAAAABAAEAAAAAAAgAAADEDgAAxA4AAAIAAAACAAAAAAAAAP////9xgAAAmkAAAA==';
    const white = [1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 0];
    const { data, width, height } = decodeBmp(Buffer.from(file, 'base64'));
    expect([width, height]).toEqual([10, 2]);
    expect([...data]).toEqual(white.flatMap((on) => [255 * on, 255 * on, 255 * on]));
  });

  it('reads 4 bits a pixel: two to a byte, the left one first', () => {
    const colours = Array.from({ length: 6 }, (_, i) => [rgb[3 * i + 2]!, rgb[3 * i + 1]!, rgb[3 * i]!, 0]);
    const file = new Uint8Array(54 + 64 + 8);
    file.set(makeBmp(8, false).subarray(0, 54));
    new DataView(file.buffer).setUint32(10, 54 + 64, true);
    new DataView(file.buffer).setUint16(28, 4, true);
    file.set(colours.flat(), 54);
    // The lower row stands first; rows are filled up to four bytes.
    file.set([0x34, 0x50, 0, 0, 0x01, 0x20, 0, 0], 54 + 64);
    expect([...decodeBmp(file).data]).toEqual(rgb);
  });

  it('reads inside a larger buffer', () => {
    const whole = new Uint8Array(200);
    const bmp = makeBmp(24, false);
    whole.set(bmp, 7);
    expect([...decodeBmp(whole.subarray(7, 7 + bmp.length)).data]).toEqual(rgb);
  });

  it('says what it cannot read', () => {
    const bmp = makeBmp(24, false);
    expect(isBmp(bmp)).toBe(true);
    expect(() => decodeBmp(bmp.subarray(0, bmp.length - 1))).toThrow('truncated BMP (78 bytes wanted, 77 there)');
    expect(() => decodeBmp(bmp.subarray(0, 20))).toThrow('truncated BMP (20 bytes)');
    expect(() => decodeBmp(makeBmp(8, false, 1))).toThrow('8 bits and compression 1');
  });
});
