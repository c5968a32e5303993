// Long because it lists one by one what a hostile model can try.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, float32Tensor, type SafetensorsTensor } from '../src/formats/tensors/safetensors.ts';
import { buildModel, modelConfigSchema } from '../src/models/index.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import { loadModelReference } from '../src/run/models/reference.ts';
import { UserError } from '../src/graph/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-hostile-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CONFIG = {
  architecture: 'vit_made_up',
  pretrained_cfg: { input_size: [3, 16, 16], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  model_args: { num_heads: 2 },
};
const MODEL = modelConfigSchema.parse({
  family: 'vit',
  imageSize: 16,
  patchSize: 8,
  width: 8,
  depth: 2,
  heads: 2,
  classes: 3,
});

const RESNET = {
  family: 'resnet',
  imageSize: 16,
  depths: [1, 1],
  widths: [4, 8],
  stem: 'small',
  block: 'basic',
  classes: 3,
};

type Tensors = Map<string, SafetensorsTensor>;

/** A small whole ViT under timm's names. */
const whole = (): Tensors =>
  new Map(
    modelParams(buildModel(MODEL)).map(({ name, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      return [
        name,
        float32Tensor(
          shape,
          Float32Array.from({ length: size }, (_, i) => Math.sin(i)),
        ),
      ];
    }),
  );

/** A file with any header, honest or not. */
function fileWith(header: object | string, data = 0): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(data)]);
}

interface Files {
  readonly config?: object | string | null | undefined;
  readonly weights?: Uint8Array | Tensors;
  readonly more?: Readonly<Record<string, string | Uint8Array>>;
}

function folder({ config = CONFIG, weights = whole(), more = {} }: Files): string {
  const dir = mkdtempSync(join(root, 'm-'));
  if (config !== null)
    writeFileSync(join(dir, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  if (!more['model.safetensors.index.json'])
    writeFileSync(join(dir, 'model.safetensors'), weights instanceof Map ? encodeSafetensors(weights) : weights);
  for (const [name, content] of Object.entries(more)) writeFileSync(join(dir, name), content);
  return dir;
}

/** An error for the user, soon, and without memory in proportion to what a file claims. */
async function refuses(files: Files, message: RegExp): Promise<void> {
  const dir = folder(files);
  const [memory, start] = [process.memoryUsage().rss, process.cpuUsage()];
  const error = await loadModelReference(dir).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  // A second of computing, however busy the machine is.
  const { user, system } = process.cpuUsage(start);
  expect(user + system).toBeLessThan(1.5e6);
  expect(process.memoryUsage().rss - memory).toBeLessThan(300e6);
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message.length).toBeLessThan(4000);
}

const changed = (change: (tensors: Tensors) => void): Tensors => {
  const tensors = whole();
  change(tensors);
  return tensors;
};

const index = (map: Record<string, unknown>) => ({
  'model.safetensors.index.json': JSON.stringify({ weight_map: map }),
});

describe('the whole model', () => {
  it('loads, so that each refusal below has one cause', async () => {
    expect((await loadModelReference(folder({}))).model).toMatchObject({ width: 8, depth: 2, classes: 3 });
  });
});

describe('hostile weights', () => {
  const bytes = encodeSafetensors(whole());
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /wanted weights, got an empty file \(0 bytes\)/],
    ['truncated in the header', bytes.subarray(0, 100), /header length: wanted at most/],
    ['truncated in the data', bytes.subarray(0, bytes.length - 100), /data_offsets: wanted an end of at most/],
    ['a header of 2^60 bytes', Buffer.from([0, 0, 0, 0, 0, 0, 0, 16, 123]), /header length: wanted at most 16000000/],
    [
      'a tensor of 2^50 numbers',
      fileWith({ cls_token: { dtype: 'F32', shape: [2 ** 25, 2 ** 25], data_offsets: [0, 4] } }, 4),
      /wanted \d+ bytes for F32/,
    ],
    [
      'more than 2^53 numbers',
      fileWith({ cls_token: { dtype: 'F32', shape: [2 ** 30, 2 ** 30], data_offsets: [0, 4] } }, 4),
      /at most 2\^53/,
    ],
    [
      'overlapping tensors',
      fileWith(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
        },
        12,
      ),
      /an overlap/,
    ],
    ['a header that is nested a million times', fileWith(`{"a":${'['.repeat(1e6)}`), /header: wanted valid JSON/],
    [
      'a header of valid JSON that is nested a million times',
      fileWith(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
      /header: wanted at most 100 brackets within each other/,
    ],
    [
      'a header of a million tensors',
      fileWith(`{${Array.from({ length: 1e6 }, (_, i) => `"${i}":{"dtype":"F32"}`).join(',')}}`),
      /header length: wanted at most 16000000 bytes/,
    ],
    [
      'a shape of 50,000 dimensions',
      fileWith({ cls_token: { dtype: 'F32', shape: Array(50_000).fill(0), data_offsets: [0, 4] } }, 4),
      /"cls_token": shape: wanted at most 64 dimensions, got 50000/,
    ],
    [
      'an unknown dtype',
      fileWith({ a: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, 4),
      /dtype: wanted one of/,
    ],
    [
      'an empty tensor of a huge shape',
      fileWith({ 'patch_embed.proj.weight': { dtype: 'F32', shape: [2 ** 40, 3, 0, 0], data_offsets: [0, 0] } }),
      /wanted a tensor with elements/,
    ],
    ['a PyTorch pickle', Buffer.from('PK\x03\x04abcdef'), /pickle \(torch.save\).*python3 -c "import sys, json/s],
    ['an old PyTorch pickle', Buffer.from([0x80, 2, 0x8a, 10, 1, 2]), /pickle \(torch.save\)/],
  ])('%s', (_, weights, message) => refuses({ weights }, message));

  it('names the tensors that are NaN or infinite', () =>
    refuses(
      { weights: changed((t) => void (t.get('blocks.1.mlp.fc1.weight')!.data as Float32Array).fill(Number.NaN, 5, 6)) },
      /wanted finite weights, got NaN or infinite numbers in blocks.1.mlp.fc1.weight \(1 of 256\)/,
    ));

  it('quantised weights', () =>
    refuses(
      { weights: changed((t) => void t.set('norm.weight', { dtype: 'I8', shape: [8], data: new Int8Array(8) })) },
      /norm.weight: wanted weights as F32, F16, BF16, F64, got I8. Quantised/,
    ));

  it('more tensors than any model has', () =>
    refuses(
      {
        weights: new Map(
          Array.from({ length: 5_001 }, (_, i) => [
            `blocks.${i}.norm1.weight`,
            float32Tensor([1], new Float32Array(1)),
          ]),
        ),
      },
      /at most 5000 tensors, got 5001/,
    ));

  it('two names for one parameter', () =>
    refuses(
      { weights: changed((t) => void t.set('module.norm.weight', t.get('norm.weight')!)) },
      /wanted one tensor for norm.weight, got two/,
    ));

  it('names that belong to no model, and a model with parts missing and added', async () => {
    const odd = new Map([['layers.weights', float32Tensor([2], new Float32Array(2))]]);
    await refuses({ weights: odd }, /wanted the parameter names of timm ViT, .*; got layers.weights/);
    const weights = changed((t) => {
      t.delete('blocks.0.norm2.bias');
      t.set('norm_pre.weight', float32Tensor([8], new Float32Array(8)));
      t.set('head.bias', float32Tensor([4], new Float32Array(4)));
    });
    await refuses(
      { weights },
      /- blocks.0.norm2.bias \[8\]\n- head.bias \[3\]\n\+ head.bias \[4\]\n\+ norm_pre.weight \[8\]/,
    );
  });

  it('block numbers beyond all measure', () =>
    refuses(
      { weights: changed((t) => void t.set('blocks.999999.norm1.weight', float32Tensor([8], new Float32Array(8)))) },
      /do not fit the model.*blocks.2.norm1.weight/s,
    ));
});

describe('hostile configs', () => {
  it.each<[string, Files['config'], RegExp]>([
    ['no JSON', '{"architecture": ', /config.json: wanted JSON/],
    ['an array', '[]', /config.json: wanted a JSON object/],
    ['nested a million times', `{"a":${'['.repeat(1e6)}`, /config.json: wanted JSON, got more than 100 brackets/],
    [
      'valid, nested a million times',
      `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`,
      /config.json: wanted JSON, got more than 100 brackets/,
    ],
    ['of 33 MB', `{"a":"${'x'.repeat(33 * 2 ** 20)}"}`, /config.json: wanted at most 33554432 bytes/],
    [
      'another architecture',
      { model_type: 'swin' },
      /wanted model_type vit, deit, resnet, regnet, .*, or timm's architecture, got model_type "swin"/,
    ],
    ['neither', {}, /got neither model_type/],
    [
      'a form that is not read',
      { model_type: 'vit', hidden_act: 'quick_gelu' },
      /hidden_act: wanted "gelu", got "quick_gelu"/,
    ],
    ['heads that do not divide', { ...CONFIG, model_args: { num_heads: 3 } }, /width 8 is not a multiple of 3 heads/],
    [
      'a huge image',
      { ...CONFIG, model_args: { num_heads: 2, img_size: 1e9 } },
      /belong to no vit that can be built.*imageSize/s,
    ],
    ['a large image', { ...CONFIG, model_args: { num_heads: 2, img_size: 6000 } }, /imageSize/],
    ['a std of 0', { ...CONFIG, pretrained_cfg: { std: [0, 1, 1] } }, /std: wanted three numbers above 0/],
    ['oblong images', { ...CONFIG, pretrained_cfg: { input_size: [3, 16, 32] } }, /input_size: wanted square images/],
    [
      'labels with a gap',
      { model_type: 'vit', num_attention_heads: 2, id2label: { 0: 'a', 2: 'b' } },
      /id2label: wanted a name for each of 0 to 1/,
    ],
    ['our own without labels', { understudy: { model: MODEL } }, /id2label: wanted a name for each of the 3 classes/],
    [
      'our own whose parts do not fit together',
      { understudy: { model: { ...RESNET, widths: [4] } } },
      /config\.json: model: wanted as many widths as depths/,
    ],
    [
      'our own of half a key',
      { understudy: { model: { family: 'resnet' } } },
      /not valid: imageSize: wanted .*, got nothing/,
    ],
    ['our own of 1e9 classes', { understudy: { model: { ...MODEL, classes: 1e9 } } }, /description is not valid/],
    ['our own of 6000 px', { understudy: { model: { ...MODEL, imageSize: 6000 } } }, /description is not valid/],
    [
      'our own of a million blocks',
      { understudy: { model: { ...MODEL, depth: 1e6 } } },
      /the model's description is not valid/,
    ],
  ])('%s', (_, config, message) => refuses({ config }, message));

  it('heads that nobody can know', () =>
    refuses({ config: null }, /number of attention heads is not in the shapes, and no known model has width 8/));
});

describe('hostile shards', () => {
  it.each<[string, unknown, RegExp]>([
    ['up', '../other.safetensors', /names of .safetensors files beside it, got "\.\.\/other/],
    ['an absolute path', join(root, 'x.safetensors'), /beside it, got "/],
    ['a folder', 'a/b.safetensors', /beside it/],
    ['another kind of file', 'config.json', /beside it/],
    ['no name', 5, /beside it, got 5/],
    ['a missing shard', 'model-00001-of-00001.safetensors', /the shard model-00001-of-00001.safetensors is missing/],
  ])('%s', (_, file, message) => refuses({ more: index({ cls_token: file }) }, message));

  it('the same tensor in two of them', () => {
    const bytes = encodeSafetensors(whole());
    const more = {
      ...index({ a: 'a.safetensors', b: 'b.safetensors' }),
      'a.safetensors': bytes,
      'b.safetensors': bytes,
    };
    return refuses({ more }, /wanted each tensor once, got .* too/);
  });

  it('an index without files', () => refuses({ more: index({}) }, /wanted 1 to 1000 files, got 0/));
});
