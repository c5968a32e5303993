import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, expect, it } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import { decodeImage } from './decodeNode.ts';
import { damageReason } from './damageReason.ts';
import { openDataset } from '../openDatasetNode.ts';

/** What the mutated files of tests/mutated/ have shown, one by one. */

const dir = mkdtempSync(join(tmpdir(), 'understudy-damaged-'));
afterAll(() => rmSync(dir, { recursive: true }));

function write(name: string, bytes: Uint8Array | string): string {
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}

async function messageOf(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

const open = (path: string) => openDataset(path, { seed: 0, cacheDir: join(dir, 'cache') });

it("JavaScript's own errors are no reasons for people", () => {
  expect(damageReason(new RangeError('Invalid typed array length: 8281'))).toBe('its bytes do not fit together');
  expect(damageReason(new TypeError("Cannot read properties of undefined (reading 'map')"))).toBe(
    'its bytes do not fit together',
  );
  expect(damageReason(new Error('parquet unsupported page type: undefined'))).toBe('its bytes do not fit together');
  expect(damageReason(new Error('parquet unsupported compression codec: LZO'))).toBe(
    'parquet unsupported compression codec: LZO',
  );
  expect(damageReason(new Error('Input buffer has corrupt header:\nmore'))).toBe('Input buffer has corrupt header');
});

it('Parquet: an empty file, and lengths that are none, in words', async () => {
  expect(await messageOf(() => open(write('empty.parquet', '')))).toMatch(
    /empty\.parquet: wanted a Parquet file, got an empty file/,
  );
  const column = { name: 'image', data: [new Uint8Array([1, 2])], type: 'BYTE_ARRAY' as const };
  const whole = Buffer.from(parquetWriteBuffer({ columnData: [column], codec: 'UNCOMPRESSED' }));
  // The page begins behind the first four bytes; a doubled length byte moves all that follows.
  for (const at of [5, 6, 7, 8]) {
    const bytes = Buffer.concat([whole.subarray(0, at), Buffer.from([0xff, 0xff]), whole.subarray(at)]);
    const message = await messageOf(() => open(write(`lengths${at}.parquet`, bytes)));
    expect(message).toContain(`lengths${at}.parquet: wanted a Parquet file, got a damaged one (`);
    expect(message).not.toMatch(/typed array|Cannot read|undefined|outside the bounds/);
  }
});

it.skipIf(process.platform === 'win32')('an image that is a device or a pipe is refused, not waited for', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe.png')]);
  expect(await messageOf(() => decodeImage(join(dir, 'pipe.png')))).toContain('pipe.png: wanted an image');
  expect(await messageOf(() => decodeImage('/dev/zero'))).toContain('got a device or a pipe');
});

it('a BMP whose rows would be of 2 ** 32 bits is truncated, not one of rows without bytes', async () => {
  const bytes = Buffer.alloc(200);
  bytes.write('BM');
  for (const [at, value] of [
    [10, 54],
    [14, 40],
    [18, 2 ** 27],
    [22, 50],
    [26, 1 | (32 << 16)],
  ] as const)
    bytes.writeUInt32LE(value, at);
  expect(await messageOf(() => decodeImage(write('wide.bmp', bytes)))).toMatch(/wide\.bmp: .*got a truncated BMP/);
});

it('what stands in the file is shown in part where it is long', async () => {
  const long = 'x'.repeat(20_000);
  for (const [name, text] of [
    ['columns', `${long},b\n1,2\n`],
    ['split', `path,split\na.png,${long}\n`],
    ['labels', `path,label\na.png,${long}\na.png,b\n`],
    ['twice', `path,labels\na.png,${long};${long}\n`],
  ] as const) {
    const message = await messageOf(() => open(write(`${name}.csv`, text)));
    expect(message).toContain(`${name}.csv`);
    expect(message.length).toBeLessThan(1000);
  }
  const message = await messageOf(() => decodeImage(`${dir}/${long}.png`));
  expect(message).toMatch(/got a name too long for a file/);
  expect(message.length).toBeLessThan(1500);
});
