import sharp from 'sharp';
import { expect, it } from 'vitest';
import { decodeBytes } from './decodeNode.ts';
import { oddSamples } from './tiff.ts';

/** A grey TIFF of 2 x 1 pixels, whose tags stand behind the samples. */
function tiff(bits: number, format: number, samples: Buffer, little = true): Buffer {
  const tags: [tag: number, type: number, value: number][] = [
    [256, 4, 2],
    [257, 4, 1],
    [258, 3, bits],
    [259, 3, 1],
    [262, 3, 1],
    [273, 4, 8],
    [277, 3, 1],
    [278, 4, 1],
    [279, 4, samples.length],
    [339, 3, format],
  ];
  const bytes = Buffer.alloc(8 + samples.length + 2 + 12 * tags.length + 4);
  const short = (value: number, at: number) =>
    little ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const long = (value: number, at: number) =>
    little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  bytes.write(little ? 'II' : 'MM');
  short(42, 2);
  long(8 + samples.length, 4);
  samples.copy(bytes, 8);
  short(tags.length, 8 + samples.length);
  tags.forEach(([tag, type, value], i) => {
    const at = 8 + samples.length + 2 + 12 * i;
    short(tag, at);
    short(type, at + 2);
    long(1, at + 4);
    (type === 3 ? short : long)(value, at + 8);
  });
  return bytes;
}

it.each([
  ['32-bit floating-point', 32, 3, Buffer.from(Float32Array.of(0, 1).buffer)],
  ['64-bit floating-point', 64, 3, Buffer.from(Float64Array.of(0, 1).buffer)],
  ['32-bit unsigned', 32, 1, Buffer.from(Uint32Array.of(0, 70_000).buffer)],
  ['16-bit signed', 16, 2, Buffer.from(Int16Array.of(-5, 5).buffer)],
])('%s samples are refused: nothing says which value is white', async (name, bits, format, samples) => {
  for (const little of [true, false]) {
    const bytes = tiff(bits, format, samples, little);
    expect(oddSamples(bytes)).toBe(name);
    await expect(decodeBytes(bytes, 'x.tif')).rejects.toThrow(
      `Cannot read image x.tif: wanted an image (jpg, png, webp, bmp, gif, tiff or avif), got a TIFF of ${name} samples`,
    );
  }
});

it('8 and 16 bits are read, of one channel or more, whoever wrote them', async () => {
  expect([...(await decodeBytes(tiff(8, 1, Buffer.of(0, 200)), 'x.tif')).data]).toEqual([0, 0, 0, 200, 200, 200]);
  const deep = await decodeBytes(tiff(16, 1, Buffer.from(Uint16Array.of(0, 0xffff).buffer)), 'x.tif');
  expect([...deep.data]).toEqual([0, 0, 0, 255, 255, 255]);
  const colour = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#102030' } })
    .tiff()
    .toBuffer();
  expect([oddSamples(colour), (await decodeBytes(colour, 'x.tif')).data[0]]).toEqual([undefined, 16]);
});

it('damaged tags are left to the decoder', () => {
  const bytes = tiff(8, 1, Buffer.of(0, 200));
  for (let length = 4; length < bytes.length; length++) expect(oddSamples(bytes.subarray(0, length))).toBeUndefined();
});
