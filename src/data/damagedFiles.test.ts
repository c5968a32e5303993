import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterAll, expect, it } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { type Stream, stream } from '../random/stream.ts';
import { decodeImage } from './decodeNode.ts';
import { openDataset } from './openDatasetNode.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-damaged-'));
afterAll(() => rmSync(dir, { recursive: true }));

const square = sharp({ create: { width: 6, height: 5, channels: 4, background: '#4080c0a0' } });
const images: readonly [string, () => Promise<Buffer>][] = [
  ['jpg', () => square.clone().jpeg().toBuffer()],
  ['png', () => square.clone().png().toBuffer()],
  ['webp', () => square.clone().webp().toBuffer()],
  ['gif', () => square.clone().gif().toBuffer()],
  ['tiff', () => square.clone().tiff().toBuffer()],
  [
    'bmp',
    async () =>
      Buffer.from(
        `424d460000000000000036000000280000000200000002000000010018000000000010000000130b0000130b00000000000000000000${'0102030405060000'.repeat(2)}`,
        'hex',
      ),
  ],
];

const files: readonly [string, () => Promise<Buffer>][] = [
  [
    'csv',
    async () =>
      Buffer.from(
        `image_path,label,split\n${Array.from({ length: 20 }, (_, i) => `"im, ${i}.png",c${i % 3},${i % 5 ? 'train' : 'val'}`).join('\n')}\n`,
      ),
  ],
  ['tar', tarFile],
  ['parquet', async () => parquetFile()],
];

async function tarFile(): Promise<Buffer> {
  const archive = pack();
  for (let i = 0; i < 4; i++) {
    archive.entry({ name: `${'long/'.repeat(i * 12)}${i}.png` }, 'bytes');
    archive.entry({ name: `${'long/'.repeat(i * 12)}${i}.json` }, `{"label": ${i % 2}}`);
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function parquetFile(): Buffer {
  const rows = Array.from({ length: 9 }, (_, i) => i);
  const columnData = [
    { name: 'image', data: rows.map((i) => new Uint8Array(Buffer.from(`image ${i}`))), type: 'BYTE_ARRAY' as const },
    { name: 'label', data: rows.map((i) => BigInt(i % 3)) },
  ];
  return Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 4 }));
}

/** Some bytes changed, a piece left out, doubled or cut off. */
function damage(bytes: Buffer, random: Stream): Buffer {
  const at = random.below(bytes.length);
  const length = random.below(Math.min(64, bytes.length - at) + 1);
  const kind = random.below(5);
  if (kind === 0) return bytes.subarray(0, at);
  if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  if (kind === 2) return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  const copy = Buffer.from(bytes);
  for (let i = 0; i <= random.below(kind === 3 ? 2 : 40); i++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}

/** Runs many damaged copies of a file; all must be read or refused by an error that names the file, and soon. */
async function expectNamed(
  bytes: Buffer,
  kind: string,
  read: (path: string) => Promise<unknown>,
  copies = COPIES,
): Promise<number> {
  let refused = 0;
  for (let i = 0; i < copies; i++) {
    const path = join(dir, `${i}.${kind}`);
    writeFileSync(path, damage(bytes, stream(7, kind, i)));
    const began = performance.now();
    const error: unknown = await read(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (error !== undefined) {
      if (!(error instanceof UserError)) throw new Error(`copy ${i} of ${kind}`, { cause: error });
      expect(error.message).toContain(`${i}.${kind}`);
      refused++;
    }
    expect(performance.now() - began).toBeLessThan(30_000);
    rmSync(path);
  }
  return refused;
}

/** Ten thousand in all take a minute; a tenth of them finds what there is to find. */
const COPIES = Number(process.env.DAMAGED_COPIES ?? 120);

it.each(images)('damaged %s images are read or refused by name', async (kind, make) => {
  expect(await expectNamed(await make(), kind, decodeImage)).toBeGreaterThan(COPIES / 20);
});

it.each(files)(
  'damaged %s files are read or refused by name',
  async (kind, make) => {
    const open = (path: string) => openDataset(path, { seed: 0, cacheDir: join(dir, 'cache') });
    const whole = join(dir, `whole.${kind}`);
    writeFileSync(whole, await make());
    await open(whole);
    // A Parquet file is read in a thread of its own, whose start takes longer than all else here.
    const copies = kind === 'parquet' ? COPIES / 5 : COPIES;
    expect(await expectNamed(await make(), kind, open, copies)).toBeGreaterThan(copies / 20);
  },
  60_000,
);
