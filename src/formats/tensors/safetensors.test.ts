import { describe, expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
  toFloat32,
} from './safetensors.ts';

/** safetensors 0.8.0 (Python): save({b: f32 [[1.5,-2]], a: i8 [1,-1,7], h: f16 [1, 65504, 6e-8]}, {format: 'pt'}). */
const reference = Buffer.from(
  'c8000000000000007b225f5f6d657461646174615f5f223a7b22666f726d6174223a227074227d2c2262223a7b226474797065223a2246333222' +
    '2c227368617065223a5b312c325d2c22646174615f6f666673657473223a5b302c385d7d2c2268223a7b226474797065223a22463136222c22' +
    '7368617065223a5b335d2c22646174615f6f666673657473223a5b382c31345d7d2c2261223a7b226474797065223a224938222c2273686170' +
    '65223a5b335d2c22646174615f6f666673657473223a5b31342c31375d7d7d20202020200000c03f000000c0003cff7b010001ff07',
  'hex',
);

const sample: [string, SafetensorsTensor][] = [
  ['b', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(1.5, -2) }],
  ['h', { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x7bff, 0x0001) }],
  ['a', { dtype: 'I8', shape: [3], data: Int8Array.of(1, -1, 7) }],
];

/** A file with this header text, whatever it says, over `dataBytes` zero bytes. */
function file(header: string | object, dataBytes = 0): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

const entry = (dtype: unknown, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });

describe('encodeSafetensors', () => {
  test('writes the bytes of the reference implementation', () => {
    expect(Buffer.from(encodeSafetensors(sample, { format: 'pt' })).toString('hex')).toBe(reference.toString('hex'));
  });

  test('keeps the given order of names, also of those that look like integers', () => {
    const tensor: SafetensorsTensor = { dtype: 'U8', shape: [1], data: Uint8Array.of(9) };
    const names = ['z', '10', 'a', '2', '__proto__', 'é"\\'];
    const bytes = encodeSafetensors(names.map((name) => [name, tensor]));
    expect([...decodeSafetensors(bytes).tensors.keys()]).toEqual(names);
  });

  test('starts the data at a multiple of 8 for every header length', () => {
    for (let length = 1; length <= 9; length++) {
      const bytes = encodeSafetensors([['n'.repeat(length), { dtype: 'F64', shape: [], data: Float64Array.of(7) }]]);
      expect(bytes.length % 8).toBe(0);
      expect(decodeSafetensors(bytes).tensors.get('n'.repeat(length))!.data).toEqual(Float64Array.of(7));
    }
  });

  test('aligns wide elements after narrow ones, so that decoding copies nothing', () => {
    const bytes = encodeSafetensors([
      ['odd', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['wide', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-5n) }],
    ]);
    const wide = decodeSafetensors(bytes).tensors.get('wide')!;
    expect(wide.data).toEqual(BigInt64Array.of(-5n));
    expect(wide.data.buffer).toBe(bytes.buffer);
  });

  test('refuses what cannot be read back', () => {
    const tensor: SafetensorsTensor = { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) };
    const wrongSize = { ...tensor, shape: [3] };
    const wrongType = { ...tensor, dtype: 'F64' } as unknown as SafetensorsTensor;
    expect(() => encodeSafetensors([['__metadata__', tensor]])).toThrow('"__metadata__" is reserved');
    expect(() =>
      encodeSafetensors([
        ['a', tensor],
        ['a', tensor],
      ]),
    ).toThrow('"a" is reserved or given twice');
    expect(() => encodeSafetensors([['a', wrongSize]])).toThrow('shape [3] does not hold 2 elements');
    expect(() => encodeSafetensors([['a', wrongType]])).toThrow('F64 wants Float64Array, got Float32Array');
  });
});

describe('decodeSafetensors', () => {
  test('reads the reference file', () => {
    const { tensors, metadata } = decodeSafetensors(reference);
    expect([...tensors]).toEqual(sample);
    expect(metadata).toEqual({ format: 'pt' });
  });

  test('reads at every alignment of the memory it is given', () => {
    for (let offset = 0; offset < 8; offset++) {
      const memory = new Uint8Array(reference.length + 8);
      memory.set(reference, offset);
      expect([...decodeSafetensors(memory.subarray(offset, offset + reference.length)).tensors]).toEqual(sample);
    }
  });

  test('round-trips every dtype, scalars and empty tensors', () => {
    const tensors: [string, SafetensorsTensor][] = [
      ['f64', { dtype: 'F64', shape: [], data: Float64Array.of(Math.PI) }],
      ['f32', { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) }],
      ['bf16', { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) }],
      ['i64', { dtype: 'I64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) }],
      ['i32', { dtype: 'I32', shape: [1, 1], data: Int32Array.of(-(2 ** 31)) }],
      ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-32768) }],
      ['u8', { dtype: 'U8', shape: [1], data: Uint8Array.of(255) }],
      ['bool', { dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) }],
      ...sample,
    ];
    expect([...decodeSafetensors(encodeSafetensors(tensors)).tensors]).toEqual(tensors);
  });
});

describe('a malformed file is a UserError that names the fault', () => {
  const f32 = (shape: unknown, offsets: unknown) => entry('F32', shape, offsets);
  const declared = (length: bigint) => {
    const bytes = Buffer.from(file('{}', 100));
    bytes.writeBigUInt64LE(length);
    return bytes;
  };
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(0), 'header length: wanted at least 8 bytes, got a file of 0 bytes'],
    ['7 bytes', new Uint8Array(7), 'got a file of 7 bytes'],
    ['header beyond the file', declared(103n), 'wanted at most 102 bytes, the rest of the file, got 103'],
    ['header above the limit', declared(100_000_001n), 'wanted at most 16000000 bytes, got 100000001'],
    ['header of 2^64 - 1', declared(2n ** 64n - 1n), 'got 18446744073709551615'],
    ['no header', file(''), "wanted JSON that begins with '{', got nothing"],
    ['an array', file('[]'), "wanted JSON that begins with '{'"],
    ['bad JSON', file('{"a":}'), 'wanted valid JSON in UTF-8'],
    ['bad UTF-8', Buffer.from(file('{"?":1}')).fill(0xff, 10, 11), 'wanted valid JSON in UTF-8'],
    ['entry is a number', file({ a: 3 }), 'tensor "a": entry: wanted {dtype, shape, data_offsets}, got 3'],
    ['unknown dtype', file({ a: entry('F8_E4M3', [1], [0, 1]) }, 1), 'dtype: wanted one of F64, F32'],
    ['dtype of the prototype', file({ a: entry('toString', [1], [0, 1]) }, 1), 'got "toString"'],
    ['no dtype', file({ a: { shape: [1], data_offsets: [0, 4] } }, 4), 'got none'],
    ['negative size', file({ a: f32([-1], [0, 4]) }, 4), 'tensor "a": shape: wanted a list of integers'],
    ['fractional size', file({ a: f32([1.5], [0, 6]) }, 6), 'got [1.5]'],
    ['huge size', file('{"a":{"dtype":"U8","shape":[1e300],"data_offsets":[0,4]}}', 4), 'got [1e+300]'],
    ['huge product', file({ a: f32([2 ** 40, 2 ** 40], [0, 4]) }, 4), 'wanted at most 2^53 elements in all'],
    ['size mismatch', file({ a: f32([2], [0, 4]) }, 4), 'wanted 8 bytes for F32 [2], got 4 bytes ([0,4])'],
    ['huge tensor', file({ a: f32([2 ** 50], [0, 2 ** 52]) }, 4), 'wanted an end of at most 4'],
    ['negative offset', file({ a: f32([1], [-4, 0]) }, 4), 'data_offsets: wanted [begin, end]'],
    ['swapped offsets', file({ a: f32([1], [4, 0]) }, 4), 'got [4,0]'],
    ['three offsets', file({ a: f32([1], [0, 4, 8]) }, 8), 'got [0,4,8]'],
    ['overlap', file({ a: f32([2], [0, 8]), b: f32([1], [4, 8]) }, 8), 'tensor "b": data_offsets: wanted a begin of 8'],
    ['hole', file({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12), 'got [8,12], a hole'],
    ['data cut off', reference.subarray(0, -1), 'tensor "a": data_offsets: wanted an end of at most 16'],
    [
      'data left over',
      Buffer.concat([reference, Buffer.alloc(5)]),
      'data: wanted 17 bytes, as the header says, got 22',
    ],
    ['metadata is not strings', file({ __metadata__: { a: 1 } }), '__metadata__.a: wanted a string, got 1'],
    ['metadata is a list', file({ __metadata__: [] }), '__metadata__: wanted an object of strings, got []'],
    ['name twice', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":1}'), '"a" twice'],
    ['field twice', file('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), '"dtype" twice'],
  ];

  test.each(cases)('%s', (_, bytes, message) => {
    const start = performance.now();
    expect(() => decodeSafetensors(bytes, 'm.safetensors')).toThrow(UserError);
    expect(() => decodeSafetensors(bytes, 'm.safetensors')).toThrow(message);
    expect(() => decodeSafetensors(bytes, 'm.safetensors')).toThrow(
      /^m\.safetensors: .* wanted .* got [\s\S]*again\.$/,
    );
    expect(performance.now() - start).toBeLessThan(500);
  });

  test('every cut of a good file, and no cut is taken for a whole one', () => {
    for (let length = 0; length < reference.length; length++) {
      expect(() => decodeSafetensors(reference.subarray(0, length))).toThrow(UserError);
    }
  });

  test('any single changed header byte is read or refused, never a crash', () => {
    for (let at = 0; at < reference.length - 17; at++) {
      const damaged = Buffer.from(reference);
      damaged[at]! ^= 0x15;
      try {
        decodeSafetensors(damaged);
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(UserError);
      }
    }
  });

  test('deep nesting and a key of a megabyte', () => {
    expect(() => decodeSafetensors(file(`{"a":${'['.repeat(500_000)}`))).toThrow(UserError);
    expect(() => decodeSafetensors(file(`{"${'k'.repeat(1_000_000)}":1}`))).toThrow(/kkk\.\.\."/);
  });
});

describe('toFloat32', () => {
  const cases: [SafetensorsTensor, number[]][] = [
    [{ dtype: 'F64', shape: [2], data: Float64Array.of(0.1, -3) }, [Math.fround(0.1), -3]],
    [{ dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x3555) }, [1, -2, 0.333251953125]],
    [{ dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3fc0, 0xc2f7) }, [1.5, -123.5]],
    [{ dtype: 'I64', shape: [2], data: BigInt64Array.of(-7n, 16777217n) }, [-7, 16777216]],
    [{ dtype: 'I8', shape: [1], data: Int8Array.of(-128) }, [-128]],
    [{ dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }, [0, 1]],
  ];
  test.each(
    cases.map(([tensor, values]) => [tensor.dtype, tensor, values] as [SafetensorsDtype, SafetensorsTensor, number[]]),
  )('%s', (_, tensor, values) => {
    expect(toFloat32(tensor)).toEqual(Float32Array.from(values));
  });

  test('an F32 tensor is its own array', () => {
    const data = Float32Array.of(1);
    expect(toFloat32({ dtype: 'F32', shape: [1], data })).toBe(data);
  });
});
