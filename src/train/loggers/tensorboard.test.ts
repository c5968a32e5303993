import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../host/node/filesNode.ts';
import { encodeEvent, maskedCrc, type TensorboardEvent, tfRecord } from './tensorboardFormat.ts';
import { openTensorboard } from './tensorboard.ts';
import { evaluation, startTime, step } from './testEvents.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tensorboard-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** CRC-32C bit by bit, most significant first over mirrored bytes: another way than the writer's table. */
function bitwiseCrc32c(bytes: Uint8Array): number {
  const mirror = (value: number, bits: number) =>
    Array.from({ length: bits }, (_, i) => (value >>> i) & 1).reduce((out, bit) => ((out << 1) | bit) >>> 0, 0);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ (mirror(byte, 8) << 24)) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x80000000 ? (crc << 1) ^ 0x1edc6f41 : crc << 1) >>> 0) as number;
  }
  return (mirror(crc, 32) ^ 0xffffffff) >>> 0;
}

/** Split TFRecords, undoing the mask on the way: it is not the writer's own function run again. */
function readRecords(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const unmasked = (at: number) => {
    const rotated = (view.getUint32(at, true) - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(unmasked(at + 8)).toBe(bitwiseCrc32c(bytes.subarray(at, at + 8)));
    expect(unmasked(at + 12 + length)).toBe(bitwiseCrc32c(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

function readScalars(bytes: Uint8Array): Record<string, number> {
  const summary = new BinaryReader(bytes);
  const scalars: Record<string, number> = {};
  while (summary.pos < summary.len) {
    expect(summary.tag()).toEqual([1, WireType.LengthDelimited]);
    const value = new BinaryReader(summary.bytes());
    expect(value.tag()).toEqual([1, WireType.LengthDelimited]);
    const tag = value.string();
    expect(value.tag()).toEqual([2, WireType.Bit32]);
    scalars[tag] = value.float();
    expect(value.pos).toBe(value.len);
  }
  return scalars;
}

function readEvent(bytes: Uint8Array): TensorboardEvent {
  const reader = new BinaryReader(bytes);
  const event: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) event.wallTime = reader.double();
    else if (field === 2) event.step = Number(reader.int64());
    else if (field === 3) event.fileVersion = reader.string();
    else if (field === 5) event.scalars = readScalars(reader.bytes());
    else if (field === 7) event.sessionStart = [...reader.bytes()].join() === '8,1';
    else expect.fail(`field ${field} of type ${wireType}`);
  }
  return event as unknown as TensorboardEvent;
}

const readFileEvents = async (name: string) => readRecords(await readFile(join(dir, name))).map(readEvent);

describe('bytes', () => {
  test('the head of a file equals what TensorFlow writes', () => {
    // Record of Event{wall_time: 1, file_version: 'brain.Event:2'}, made with tensorboard 2.21 (RecordWriter).
    expect(Buffer.from(tfRecord(encodeEvent({ wallTime: 1, fileVersion: 'brain.Event:2' }))).toString('hex')).toBe(
      '1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a',
    );
  });

  test('a scalar and a session start equal what TensorFlow writes', () => {
    const scalar = encodeEvent({ wallTime: 1.5, step: 300, scalars: { 'train/loss': 0.1, é: -2 } });
    expect(Buffer.from(scalar).toString('hex')).toBe(
      '09000000000000f83f10ac022a1e0a110a0a747261696e2f6c6f737315cdcccc3d0a090a02c3a915000000c0',
    );
    const start = encodeEvent({ wallTime: 1.5, step: 7, sessionStart: true });
    expect(Buffer.from(start).toString('hex')).toBe('09000000000000f83f10073a020801');
  });

  test('the mask of a known CRC', () => {
    // crc32c('123456789') = 0xe3069283; rotated right by 15 bits: 0x2507c60d; plus 0xa282ead8.
    expect(maskedCrc(new TextEncoder().encode('123456789'))).toBe(0xc78ab0e5);
  });

  test('values beyond float32, and NaN, are still logged', () => {
    const { scalars } = readEvent(encodeEvent({ wallTime: 1, scalars: { a: 1e300, b: NaN, c: -Infinity } }));
    expect(scalars).toEqual({ a: Infinity, b: NaN, c: -Infinity });
  });
});

test('a run: version first, then scalars by name, step and time', async () => {
  const logger = await openTensorboard(nodeFiles(dir), { writer: 'host.1', now: startTime });
  logger.on(step(3));
  logger.on({ type: 'note', time: 0, message: 'x' });
  logger.on(evaluation(4));
  await logger.close();
  const [name, ...others] = await readdir(dir);
  expect(name).toMatch(new RegExp(`^events\\.out\\.tfevents\\.${startTime / 1000}\\.host\\.1$`));
  expect(others).toEqual([]);
  const events = await readFileEvents(name!);
  expect(events[0]).toEqual({ wallTime: startTime / 1000, fileVersion: 'brain.Event:2' });
  expect(events.slice(1).map((event) => [event.step, event.wallTime])).toEqual([
    [3, startTime / 1000 + 3],
    [4, startTime / 1000 + 4],
  ]);
  expect(events[1]!.scalars!['train/lr']).toBe(Math.fround(0.001));
  expect(events[1]!.scalars!['train/loss_kd']).toBe(1.5);
  expect(events[2]!.scalars).toEqual({ 'val/loss': 1.25, 'val/top1': 0.5 });
});

test('a resumed run leaves the old file, opens one that sorts after it, and starts a session past the checkpoint', async () => {
  await (await openTensorboard(nodeFiles(dir), { writer: 'host.1', now: startTime })).close();
  const [old] = await readdir(dir);
  const before = await readFile(join(dir, old!));
  // A clock that was set back must not put the new file before the old one.
  await (
    await openTensorboard(nodeFiles(dir), { writer: 'host.1', now: startTime - 5_000_000, resumeStep: 12 })
  ).close();
  const names = (await readdir(dir)).sort();
  expect(names).toHaveLength(2);
  expect(names[0]).toBe(old);
  expect(await readFile(join(dir, old!))).toEqual(before);
  const events = await readFileEvents(names[1]!);
  expect(events[0]!.fileVersion).toBe('brain.Event:2');
  expect(events[1]).toMatchObject({ step: 13, sessionStart: true });
});

test('a folder that cannot be made is a UserError', async () => {
  await writeFile(join(dir, 'file'), '');
  await expect(
    openTensorboard(nodeFiles(join(dir, 'file', 'run')), { writer: 'host.1', now: startTime }),
  ).rejects.toThrow(/file\/run: wanted .* got ENOTDIR/);
});
