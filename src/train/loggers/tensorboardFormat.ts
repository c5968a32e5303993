import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { crc32c } from './crc32c.ts';

/** A tensorflow.Event. Field numbers: tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto. */
export interface TensorboardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  /** Must be the first event of a file. */
  readonly fileVersion?: string;
  /** Tag and value; stored as float32. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Says that the run (re)starts at `step`: TensorBoard then drops what older files of the folder have from there on. */
  readonly sessionStart?: boolean;
}

const sessionStatusStart = 1;

export function encodeEvent({ wallTime, step, fileVersion, scalars, sessionStart }: TensorboardEvent): Uint8Array {
  const writer = new BinaryWriter().tag(1, WireType.Bit64).double(wallTime);
  if (step !== undefined) writer.tag(2, WireType.Varint).int64(step);
  if (fileVersion !== undefined) writer.tag(3, WireType.LengthDelimited).string(fileVersion);
  if (scalars !== undefined) {
    writer.tag(5, WireType.LengthDelimited).fork();
    for (const [tag, value] of Object.entries(scalars)) {
      writer.tag(1, WireType.LengthDelimited).fork();
      writer.tag(1, WireType.LengthDelimited).string(tag).tag(2, WireType.Bit32).float(toFloat(value));
      writer.join();
    }
    writer.join();
  }
  if (sessionStart) {
    writer.tag(7, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(sessionStatusStart).join();
  }
  return writer.finish();
}

/** TFRecord: length (uint64), its masked CRC, data, its masked CRC; little-endian (tensorflow/core/lib/io/record_writer.h). */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** Masked because a CRC of data that holds CRCs is weak (tensorflow/core/lib/hash/crc32c.h). */
export function maskedCrc(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** The writer refuses finite numbers beyond float32; a diverged loss is such a number and must still be logged. */
function toFloat(value: number): number {
  return Math.fround(value);
}
