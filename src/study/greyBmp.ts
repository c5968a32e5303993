const HEADER = 54;
const PALETTE = 4 * 256;

/**
 * A grey image as an uncompressed BMP of 8 bits a pixel (Microsoft, BITMAPFILEHEADER and BITMAPINFOHEADER), rows from the top.
 * For tens of thousands of small images: writing and reading it is a copy, where a PNG of 28 px takes a millisecond.
 */
export function greyBmp(pixels: Uint8Array, width: number, height: number): Uint8Array {
  const stride = Math.ceil(width / 4) * 4;
  const bytes = new Uint8Array(HEADER + PALETTE + stride * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, HEADER + PALETTE, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 8, true);
  for (let grey = 0; grey < 256; grey++) bytes.set([grey, grey, grey], HEADER + 4 * grey);
  for (let y = 0; y < height; y++)
    bytes.set(pixels.subarray(y * width, (y + 1) * width), HEADER + PALETTE + stride * y);
  return bytes;
}
