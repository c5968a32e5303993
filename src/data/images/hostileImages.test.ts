import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { photoTransform } from '../augment/pipeline.ts';
import { decodeImage, endingItself, greyThumbnail, openImage, pixelCount } from './decodeNode.ts';
import { formatOf, otherFormat } from './imageFormat.ts';
import { inTime, TooLate } from './imageLimits.ts';
import { PixelBudget } from './pixelBudgetNode.ts';
import { createLoader } from '../loading/loaderNode.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-hostile-images-'));
afterAll(() => rmSync(dir, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

/** Source: the PNG specification, annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** A black PNG of one bit a pixel: a thousandth of a byte for each. Source: the PNG specification, sections 5 and 11. */
function blackPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const rows = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))));
  const start = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([start, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** A black BMP of one bit a pixel. */
function blackBmp(width: number, height: number): Buffer {
  const stride = Math.ceil(width / 32) * 4;
  const bytes = Buffer.alloc(62 + stride * height);
  bytes.write('BM');
  for (const [at, value] of [
    [10, 62],
    [14, 40],
    [18, width],
    [22, height],
    [26, 1 | (1 << 16)],
  ] as const)
    bytes.writeUInt32LE(value, at);
  return bytes;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (thrown: Error) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return error.message;
}

/** Copies of copies: 10^9 rectangles, which a renderer draws for hours. */
const levels = Array.from(
  { length: 9 },
  (_, i) => `<g id="g${i + 1}">${`<use xlink:href="#g${i}"/>`.repeat(10)}</g>`,
).join('');
const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="32" height="32"><defs><rect id="g0" width="9" height="9"/>${levels}</defs><use xlink:href="#g9"/></svg>`;

describe('what a file is', () => {
  it.each(['png', 'jpg', 'webp', 'gif', 'tif', 'avif', 'bmp', 'svg'])(
    'an SVG called .%s is not drawn',
    async (ending) => {
      for (const text of [svg, `\ufeff${svg}`, `<?xml version="1.0"?>\n<!-- x -->${svg}`]) {
        const path = write(`drawing.${ending}`, text);
        expect(await refusal(decodeImage(path))).toContain(`drawing.${ending}: wanted an image`);
        expect(await refusal(decodeImage(path))).toContain('got an SVG drawing. Replace or delete');
        expect(await refusal(greyThumbnail(path, 8))).toContain('got an SVG drawing');
        expect(await pixelCount(path)).toBeUndefined();
      }
    },
  );

  it('is told by its first bytes, and a decoder sees nothing else', async () => {
    const picture = sharp({ create: { width: 9, height: 7, channels: 3, background: '#123456' } });
    for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
      const bytes = await picture.clone().toFormat(format).toBuffer();
      expect(formatOf(bytes)).toBe(format === 'jpeg' ? 'jpg' : format);
      // Whatever it is called.
      const { width, height } = await decodeImage(write('any.svg', bytes));
      expect([width, height]).toEqual([9, 7]);
      // The opening of a format before an SVG does not bring it to the renderer.
      const mixed = Buffer.concat([bytes.subarray(0, format === 'avif' ? 32 : 8), Buffer.from(svg)]);
      expect(await refusal(decodeImage(write('mixed.png', mixed)))).toMatch(/damaged or truncated|SVG|no known/);
    }
    expect(formatOf(blackBmp(8, 8))).toBe('bmp');
    expect(formatOf(new Uint8Array(3))).toBeUndefined();
  });

  it.each([
    ['a HEIC picture', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['a JPEG XL picture', '\xff\x0a\0\0'],
    ['a PDF document', '%PDF-1.7'],
    ['a ZIP archive', 'PK\x03\x04'],
    ['a text file of 5 bytes', 'hello'],
    ['3 bytes of no known image format', '\x01\x02\x03'],
  ])('%s is named', async (name, bytes) => {
    expect(otherFormat(Buffer.from(bytes, 'latin1'))).toBe(name);
    expect(await refusal(decodeImage(write('other.png', Buffer.from(bytes, 'latin1'))))).toContain(`got ${name}. `);
  });
});

describe('how much it may ask for', () => {
  it.each([
    ['png', blackPng(16_383, 16_383)],
    ['bmp', blackBmp(16_383, 8500)],
  ])('a %s of more than 134 megapixels is refused before it is decoded', async (ending, bytes) => {
    const path = write(`bomb.${ending}`, bytes);
    const before = process.memoryUsage().rss;
    for (const read of [() => decodeImage(path), () => greyThumbnail(path, 8)])
      expect(await refusal(read())).toMatch(
        /bomb\.\w+: .* got one of 16383 x \d+ pixels; wanted at most 134 megapixels\. Scale it down\. Replace/,
      );
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it('a photograph of 24 megapixels is read', async () => {
    const path = write('large.png', blackPng(6000, 4000));
    const { data, width, height } = await decodeImage(path);
    expect([data.length, width, height]).toEqual([72_000_000, 6000, 4000]);
    expect(await greyThumbnail(path, 4)).toHaveLength(16);
    expect((await decodeImage(write('large.bmp', blackBmp(6000, 4000)))).data.length).toBe(72_000_000);
  });

  it('a JPEG of many scans is refused where its pixels are many', async () => {
    const jpeg = await sharp({ create: { width: 4000, height: 3000, channels: 3, background: '#777' } })
      .jpeg({ progressive: true })
      .toBuffer();
    expect((await decodeImage(write('progressive.jpg', jpeg))).width).toBe(4000);
    const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const many = Buffer.concat([jpeg.subarray(0, -2), ...Array<Buffer>(300).fill(scan), jpeg.subarray(-2)]);
    expect(await refusal(decodeImage(write('scans.jpg', many)))).toMatch(/a JPEG of 4000 x 3000 pixels in 3\d\d scans/);
  });

  it('large images are in hand as the budget allows, over all who share it', async () => {
    const word = new SharedArrayBuffer(4);
    const budgets = [new PixelBudget(word), new PixelBudget(word)];
    let [inHand, most] = [0, 0];
    const work = async (budget: PixelBudget) => {
      const release = await budget.take(60e6);
      most = Math.max(most, ++inHand);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inHand--;
      await release();
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => work(budgets[i % 2]!)));
    expect(most).toBe(3);
    // One that is larger than the budget has it alone.
    await (await budgets[0]!.take(1e9))();
    const held = () => new Int32Array(word)[0];
    expect(held()).toBe(0);
    const limits = { budget: budgets[1]!, seconds: 30 };
    const { release } = await openImage(write('held.png', blackPng(4000, 3000)), limits);
    expect(held()).toBe(12e6);
    await release();
    expect(held()).toBe(0);
    const cut = blackPng(4000, 3000).subarray(0, -200);
    await refusal(openImage(write('cut.png', cut), limits));
    expect(held()).toBe(0);
  });
});

describe('how long it may take', () => {
  it('what never ends is given up', async () => {
    const endless = () => new Promise<never>(() => {});
    await expect(inTime(endless, 0.05)).rejects.toThrow('an image that is not decoded after 0.05 seconds');
    await expect(inTime(endless, 0.05)).rejects.toBeInstanceOf(TooLate);
    expect(await inTime(async () => 7, 0.05)).toBe(7);
  });

  it('its thread is given back: the decoder ends itself', async () => {
    // Minutes of work.
    const side = (n: number) => ({ width: n, height: n });
    const slow = () =>
      endingItself(sharp({ create: { ...side(6000), channels: 3, background: 'red' } }).median(51), 0.1)
        .raw()
        .toBuffer();
    await expect(inTime(slow, 0.1)).rejects.toBeInstanceOf(TooLate);
    expect(sharp.counters().process).toBe(1);
    await vi.waitFor(() => expect(sharp.counters().process).toBe(0), { timeout: 60_000 });
  });

  it('a decoder that ended itself because the process stood still is started again', async () => {
    let starts = 0;
    const start = async () => {
      if (++starts < 3) throw new Error('timeout: 8% complete\nVipsImage: killed for image "temp-1"');
      return starts;
    };
    expect(await inTime(start, 5)).toBe(3);
    const damaged = () => Promise.reject(new Error('pngload: timeout: 8% complete'));
    await expect(inTime(damaged, 5)).rejects.toThrow('pngload');
  });

  it('an image that is late counts as unreadable by name, and the loader goes on', async () => {
    const names = Array.from({ length: 11 }, (_, i) => `small${i}.png`);
    for (const name of names) write(name, blackPng(20, 20));
    write('late.png', blackPng(11_000, 11_000));
    const paths = [...names, 'late.png'];
    const list = { root: dir, paths, labels: new Int32Array(12) };
    const told: string[] = [];
    const loader = createLoader({
      ...{ list, transform: photoTransform(16), batch: 12, train: false, seed: 0, workers: 1, maxBadFraction: 1 },
      imageSeconds: 0.1,
      onBad: (reason) => told.push(reason),
    });
    for await (const { valid, release } of loader.batches()) {
      expect(valid[11]).toBe(0);
      await release();
    }
    await loader.close();
    expect(told.find((reason) => reason.includes('late.png'))).toMatch(
      /^Cannot read image .*late\.png: wanted an image .*, got an image that is not decoded after 0\.1 seconds\. Replace/,
    );
  });
});
