import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { stream } from '../../src/random/stream.ts';
import { modelSeeds, onnxSeeds } from './modelSeeds.ts';
import { checkpointSeeds, setSeeds } from './ownSeeds.ts';
import { STUDY_TEXTS, TABLE_TEXTS, RUN_TEXTS } from './seedTexts.ts';

/** `run` is given by `--config`, `folder` is the config.yaml of a run folder, `study` a study file. */
type InputKind = 'image' | 'csv' | 'tar' | 'parquet' | 'run' | 'folder' | 'study';
/** `weights`, `config` and `preprocessor` are files of a model folder, `model` is any of them, with damage to the others too. */
type ModelKind = 'weights' | 'config' | 'preprocessor' | 'model' | 'onnx';
/** `state` and `optimizer` are files of a checkpoint, `set` one of a synthesised set. */
type OwnKind = 'state' | 'optimizer' | 'set';

/** What a file is for. */
export type Kind = InputKind | ModelKind | OwnKind;

/** Files by their path in a folder. */
export type FileSet = Readonly<Record<string, Buffer>>;

/** A valid file. */
export interface Seed {
  readonly name: string;
  /** Without the dot. */
  readonly ending: string;
  readonly bytes: Buffer;
  /** Of a file that is read as part of a folder: its path there, and the others. */
  readonly file?: string;
  readonly beside?: FileSet;
}

export type Seeds = Readonly<Record<Kind, readonly Seed[]>>;

const [WIDTH, HEIGHT] = [40, 30];

/** A picture with edges, gradients and noise, so that every coder has something to do. */
function picture(seed: number, channels: 3 | 4 = 3) {
  const random = stream('picture', seed);
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * channels }, (_, at) => {
    const [x, y, c] = [Math.floor(at / channels) % WIDTH, Math.floor(at / channels / WIDTH), at % channels];
    return (x > y ? 6 * x : 7 * y) + 40 * c + random.below(30);
  });
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels } });
}

/** Windows bitmaps of 24 bits, or of 8 with a palette: sharp writes none. */
function bitmap(bits: 8 | 24): Buffer {
  const [start, stride] = [54 + (bits === 8 ? 1024 : 0), (((WIDTH * bits) / 8 + 3) >> 2) << 2];
  const bytes = Buffer.alloc(start + stride * HEIGHT).fill(0x5a, 54);
  bytes.write('BM');
  for (const [at, value] of [
    [2, bytes.length],
    [10, start],
    [14, 40],
    [18, WIDTH],
    [22, HEIGHT],
    [26, 1 | (bits << 16)],
  ] as const)
    bytes.writeUInt32LE(value, at);
  return bytes;
}

/** Ending, form, bytes. */
type Made = readonly [string, string, Promise<Buffer> | Buffer];

const common = (): readonly Made[] => [
  ['jpg', 'baseline', picture(1).jpeg().toBuffer()],
  ['jpg', 'progressive', picture(2).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer()],
  ['jpg', 'cmyk', picture(3).toColourspace('cmyk').jpeg().toBuffer()],
  ['jpeg', 'grey', picture(4).greyscale().jpeg().toBuffer()],
  ['jpeg', 'turned', picture(5).withMetadata({ orientation: 6 }).withIccProfile('p3').jpeg().toBuffer()],
  ['png', 'rgb', picture(6).png().toBuffer()],
  ['png', 'alpha16', picture(7, 4).toColourspace('rgb16').png().toBuffer()],
  ['png', 'palette', picture(8).png({ palette: true, colours: 16 }).toBuffer()],
  ['png', 'interlaced', picture(9).png({ progressive: true }).toBuffer()],
  ['webp', 'lossy', picture(10).webp().toBuffer()],
  ['webp', 'lossless', picture(11, 4).webp({ lossless: true }).toBuffer()],
  ['webp', 'animated', joined('webp')],
];

const others = (): readonly Made[] => [
  ['gif', 'one', picture(12).gif().toBuffer()],
  ['gif', 'animated', joined('gif')],
  ['bmp', '24', bitmap(24)],
  ['bmp', '8', bitmap(8)],
  ['tiff', 'plain', picture(13).tiff({ compression: 'none' }).toBuffer()],
  ['tif', 'lzw', picture(14, 4).tiff({ compression: 'lzw', predictor: 'horizontal' }).toBuffer()],
  ['tif', 'tiles', picture(15).tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer()],
  ['tiff', 'jpeg', picture(16).tiff({ compression: 'jpeg' }).toBuffer()],
  [
    'tiff',
    'bits',
    picture(17).greyscale().threshold().toColourspace('b-w').tiff({ bitdepth: 1, compression: 'ccittfax4' }).toBuffer(),
  ],
  ['avif', 'lossy', picture(18).avif({ effort: 0 }).toBuffer()],
  ['avif', 'lossless', picture(19, 4).avif({ effort: 0, lossless: true }).toBuffer()],
];

/** Every image format and colour form that is read. */
async function images(): Promise<Seed[]> {
  const made = [...common(), ...others()];
  return Promise.all(
    made.map(async ([ending, form, bytes]) => ({ name: `${ending} ${form}`, ending, bytes: await bytes })),
  );
}

async function joined(format: 'gif' | 'webp'): Promise<Buffer> {
  const pages = await Promise.all([21, 22, 23].map((seed) => picture(seed, 4).png().toBuffer()));
  return sharp(pages, { join: { animated: true } })
    .toFormat(format)
    .toBuffer();
}

async function tarOf(files: readonly (readonly [string, Buffer | string])[]): Promise<Buffer> {
  const archive = pack();
  for (const [name, bytes] of files) archive.entry({ name, mtime: new Date(0) }, Buffer.from(bytes));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function tars(all: readonly Seed[]): Promise<Seed[]> {
  const some = all.filter(({ ending }) => ['jpg', 'png', 'webp'].includes(ending)).slice(0, 6);
  const classes = some.flatMap(({ ending, bytes }, i): [string, Buffer | string][] => [
    [`${i}.${ending}`, bytes],
    [`${i}.cls`, `${i % 2}\n`],
  ]);
  // Long names are pax headers; labels come before their images, and a text lies between.
  const deep = some.slice(0, 3).flatMap(({ ending, bytes }, i): [string, Buffer | string][] => [
    [`${'ünder/'.repeat(30)}${i}.json`, JSON.stringify({ label: ['cat', 'dog'][i % 2], note: 'é' })],
    [`${'ünder/'.repeat(30)}${i}.${ending}`, bytes],
    [`${i}.txt`, 'about it'],
  ]);
  const unlabelled = some.slice(0, 3).map(({ ending, bytes }, i): [string, Buffer] => [`a b/${i}.${ending}`, bytes]);
  const made = { cls: await tarOf(classes), json: await tarOf(deep), unlabelled: await tarOf(unlabelled) };
  return Object.entries(made).map(([name, bytes]) => ({ name: `tar ${name}`, ending: 'tar', bytes }));
}

/** A Zstandard frame of one raw block (RFC 8878, section 3.1.1): Node 20 cannot compress to it. */
function storedZstd(bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(0xfd2fb528, 0);
  // One segment, its size in 4 bytes; then the last block, raw.
  head.writeUInt8(0xa0, 4);
  head.writeUInt32LE(bytes.length, 5);
  head.writeUIntLE(1 | (bytes.length << 3), 9, 3);
  return new Uint8Array(Buffer.concat([head, bytes]));
}

const GROUP: SchemaElement[] = [
  { name: 'root', num_children: 2 },
  { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
  { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
];

const CODECS = {
  SNAPPY: undefined,
  UNCOMPRESSED: undefined,
  GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliCompressSync(bytes)),
  ZSTD: storedZstd,
};

/** As Hugging Face's datasets writes it: a group of bytes and path, class names in the metadata. */
function hubTable(rows: readonly Seed[], codec: keyof typeof CODECS): Buffer {
  const info = { info: { features: { label: { names: ['zebra', 'ant'], _type: 'ClassLabel' } } } };
  const { GZIP, BROTLI, ZSTD } = CODECS;
  const columnData = [
    { name: 'image', data: rows.map(({ bytes, name }) => ({ bytes: new Uint8Array(bytes), path: name })) },
    { name: 'label', data: rows.map((_, i) => BigInt(i % 2)) },
  ];
  const kvMetadata = [{ key: 'huggingface', value: JSON.stringify(info) }];
  const compressors = { GZIP, BROTLI, ZSTD };
  return Buffer.from(
    parquetWriteBuffer({ columnData, schema: GROUP, rowGroupSize: 4, codec, compressors, kvMetadata }),
  );
}

/** Plain columns of bytes and text. */
function plainTable(rows: readonly Seed[]): Buffer {
  const img = rows.map(({ bytes }) => new Uint8Array(bytes));
  const label = rows.map((_, i) => ['cat', 'dog'][i % 2]);
  const columnData = [
    { name: 'img', data: img, type: 'BYTE_ARRAY' as const },
    { name: 'fine_label', data: label, type: 'STRING' as const },
  ];
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

function parquets(all: readonly Seed[]): Seed[] {
  const rows = all.filter(({ ending }) => ['jpg', 'png'].includes(ending)).slice(0, 6);
  const codecs = Object.keys(CODECS) as (keyof typeof CODECS)[];
  const made = [
    ...codecs.map((codec) => [codec, hubTable(rows, codec)] as const),
    ['plain', plainTable(rows)] as const,
  ];
  return made.map(([name, bytes]) => ({ name: `parquet ${name}`, ending: 'parquet', bytes }));
}

const texts = (kind: string, ending: string, made: Readonly<Record<string, string>>): Seed[] =>
  Object.entries(made).map(([name, text]) => ({ name: `${kind} ${name}`, ending, bytes: Buffer.from(text) }));

/**
 * Valid files of every kind that is read; the tables name `images/0.png` to `images/7.png`, and the run of the checkpoints the
 * images that are written to `dir`.
 */
export async function makeSeeds(dir: string): Promise<Seeds> {
  const image = await images();
  return {
    image,
    csv: texts('csv', 'csv', TABLE_TEXTS),
    tar: await tars(image),
    parquet: parquets(image),
    run: texts('run', 'yaml', RUN_TEXTS),
    folder: texts('folder', 'yaml', { whole: RUN_TEXTS.whole }).map((seed) => ({ ...seed, file: 'config.yaml' })),
    study: texts('study', 'yaml', STUDY_TEXTS),
    ...modelSeeds(),
    onnx: onnxSeeds(),
    ...(await checkpointSeeds(dir)),
    set: await setSeeds(dir),
  };
}
