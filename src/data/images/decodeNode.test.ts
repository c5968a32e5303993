import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { decodeImage } from './decodeNode.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-decode-'));
afterAll(() => rmSync(dir, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

const raw = (data: Uint8Array | Uint16Array, width: number, height: number, channels: 1 | 2 | 3 | 4) =>
  sharp(data, { raw: { width, height, channels } });
const rgb = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
const noise = () =>
  raw(
    Uint8Array.from({ length: 4800 }, (_, i) => (i * i * 7) % 251),
    40,
    40,
    3,
  );

describe('decodeImage', () => {
  it.each(['png', 'webp', 'tiff', 'gif'] as const)('%s keeps every pixel', async (format) => {
    const options = format === 'webp' ? { lossless: true } : format === 'tiff' ? { compression: 'lzw' } : {};
    const path = write(`rgb.${format}`, await raw(rgb, 3, 2, 3).toFormat(format, options).toBuffer());
    const image = await decodeImage(path);
    expect([image.width, image.height, ...image.data]).toEqual([3, 2, ...rgb]);
  });

  it.each(['jpeg', 'avif'] as const)('%s is near', async (format) => {
    const flat = sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 180, g: 90, b: 40 } } });
    const image = await decodeImage(write(`flat.${format}`, await flat.toFormat(format, { quality: 95 }).toBuffer()));
    expect(image.data.length).toBe(768);
    for (const [i, x] of image.data.entries()) expect(Math.abs(x - [180, 90, 40][i % 3]!)).toBeLessThan(4);
  });

  it.each([
    [3, [5, 4, 3, 2, 1, 0], 3],
    [6, [3, 0, 4, 1, 5, 2], 2],
    [8, [2, 5, 1, 4, 0, 3], 2],
    [2, [2, 1, 0, 5, 4, 3], 3],
  ])('EXIF orientation %i is applied', async (orientation, order, width) => {
    const bytes = await raw(rgb, 3, 2, 3).withMetadata({ orientation }).png().toBuffer();
    const image = await decodeImage(write(`exif${orientation}.png`, bytes));
    expect(image.width).toBe(width);
    expect([...image.data]).toEqual(order.flatMap((i) => [...rgb.subarray(3 * i, 3 * i + 3)]));
  });

  it('grey becomes three equal channels', async () => {
    const bytes = await raw(Uint8Array.of(0, 77, 200, 255), 2, 2, 1)
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await sharp(bytes).metadata()).channels).toBe(1);
    expect([...(await decodeImage(write('grey.png', bytes))).data]).toEqual(
      [0, 77, 200, 255].flatMap((x) => [x, x, x]),
    );
  });

  it('16 bits become 8', async () => {
    const [colour, grey] = [Uint16Array.of(0x8040, 0x1000, 0xffff), Uint16Array.of(0xc0ff)];
    const rgb16 = await raw(colour, 1, 1, 3).toColourspace('rgb16').png().toBuffer();
    const grey16 = await raw(grey, 1, 1, 1).toColourspace('grey16').png().toBuffer();
    expect((await sharp(rgb16).metadata()).depth).toBe('ushort');
    expect((await sharp(grey16).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(write('16.png', rgb16))).data]).toEqual([0x80, 0x10, 0xff]);
    expect([...(await decodeImage(write('g16.png', grey16))).data]).toEqual([0xc0, 0xc0, 0xc0]);
  });

  it('transparent pixels lie over white', async () => {
    const bytes = await raw(Uint8Array.of(200, 0, 50, 0, 200, 0, 50, 128, 200, 0, 50, 255), 3, 1, 4)
      .png()
      .toBuffer();
    const { data } = await decodeImage(write('alpha.png', bytes));
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
    for (const [i, want] of [227, 127, 152].entries()) expect(Math.abs(data[3 + i]! - want)).toBeLessThanOrEqual(1);
    expect([...data.subarray(6)]).toEqual([200, 0, 50]);
  });

  it('CMYK becomes RGB', async () => {
    const background = { r: 150, g: 110, b: 100 };
    const flat = sharp({ create: { width: 16, height: 16, channels: 3, background } });
    const bytes = await flat.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    const { data } = await decodeImage(write('cmyk.jpg', bytes));
    for (const [i, x] of data.entries()) expect(Math.abs(x - [150, 110, 100][i % 3]!)).toBeLessThan(12);
  });

  it('takes the first frame of an animation', async () => {
    const frames = Uint8Array.from({ length: 2 * 16 * 3 }, (_, i) => (i < 48 ? 250 : 5));
    const gif = await sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } })
      .gif()
      .toBuffer();
    expect((await sharp(gif).metadata()).pages).toBe(2);
    const image = await decodeImage(write('moving.gif', gif));
    expect([image.width, image.height, image.data[0]]).toEqual([4, 4, 250]);
  });

  it('shows a JPEG with stray bytes, as every viewer does', async () => {
    const jpeg = await noise().jpeg().toBuffer();
    const stray = Buffer.concat([jpeg.subarray(0, 2), Buffer.alloc(3), jpeg.subarray(2)]);
    expect((await decodeImage(write('stray.jpg', stray))).data).toEqual(
      (await decodeImage(write('ok.jpg', jpeg))).data,
    );
  });
});

describe('errors', () => {
  const message = async (path: string) => {
    const error = await decodeImage(path).then(
      () => new Error('no error'),
      (e: Error) => e,
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(
      /^Cannot read image .*: wanted an image \(jpg.*\), got .*\. (Replace or delete|Check the path)/s,
    );
    expect(error.message).toContain(path);
    return error.message;
  };

  it('says what the file is instead', async () => {
    expect(await message(write('text.jpg', '<html>404</html>'))).toContain('got a text file of 16 bytes');
    expect(await message(write('zero.png', ''))).toContain('got an empty file (0 bytes)');
    expect(await message(write('junk.png', Uint8Array.of(1, 2, 3, 0, 255)))).toContain('no known image format');
    expect(await message(join(dir, 'gone.png'))).toContain('got no such file. Check the path');
    expect(await message(write('cut.bmp', 'BM12'))).toContain('got a truncated BMP (4 bytes)');
  });

  it.each(['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const)('a truncated %s', async (format) => {
    const bytes = await noise().toFormat(format).toBuffer();
    for (const keep of [bytes.length >> 1, bytes.length - 16])
      expect(await message(write(`cut${keep}.${format}`, bytes.subarray(0, keep)))).toMatch(/damaged|no known/);
  });
});
