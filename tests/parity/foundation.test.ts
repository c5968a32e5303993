import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { grad } from '../../src/autodiff/grad.ts';
import { ortNode } from '../../src/engine/ortNode.ts';
import { evaluate } from '../../src/engine/reference.ts';
import { renameToOurs } from '../../src/formats/names/rename.ts';
import { joinBlocks } from '../../src/formats/names/rowBlocks.ts';
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../../src/formats/tensors/safetensors.ts';
import { input, inputName, isInput } from '../../src/graph/build.ts';
import type { NdArray } from '../../src/graph/ndArray.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { topologicalOrder } from '../../src/graph/walk.ts';
import type { Features } from '../../src/models/index.ts';
import { inputStore, Scope } from '../../src/nn/scope.ts';
import { add, mul } from '../../src/ops/elementwise.ts';
import { reduceSum } from '../../src/ops/reduce.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { closeProgram } from '../../src/program/program.ts';
import type { LoadedModel } from '../../src/run/models/loaded.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';
import { expectClose, type Golden, readGolden } from './golden.ts';

const root = mkdtempSync(join(tmpdir(), 'understudy-foundation-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Files {
  readonly state: Map<string, SafetensorsTensor>;
  readonly config: Record<string, unknown>;
  readonly preprocessor: Record<string, unknown> | null;
}

function filesOf(name: string): Files {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL(`../golden/foundation/${name}.safetensors`, import.meta.url)),
  );
  const state = [...tensors].flatMap(([key, tensor]) =>
    key.startsWith('state.') ? [[key.slice('state.'.length), tensor] as const] : [],
  );
  return { ...(JSON.parse(metadata.config!) as Files), state: new Map(state) };
}

let folders = 0;
/** A folder as one downloads it. */
function folderWith({ state, config, preprocessor }: Files): string {
  const dir = mkdtempSync(join(root, `${folders++}-`));
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  if (preprocessor) writeFileSync(join(dir, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(state, { format: 'pt' }));
  return dir;
}

const load = (files: Files): Promise<LoadedModel> => loadModelReference(folderWith(files));
const outputsOf = ({ embedding, dense, logits }: Features, golden: Golden): Map<string, Tensor> =>
  new Map(
    Object.entries({ embedding: embedding!, dense: dense!.tokens, logits }).filter(([name]) =>
      golden.tensors.has(`output.${name}`),
    ),
  );

const CASES = [
  'dinov2',
  'dinov2Swiglu',
  'dinov2Smaller',
  'dinov2Larger',
  'dinov2Registers',
  'dinov2RegistersSmaller',
  'dinov2Classifier',
  'dinov3',
  'dinov3Gated',
  'clip',
  'clipVision',
  'clipClassifier',
  'siglip',
  'siglipNoHead',
  'siglipClassifier',
];

describe.each(CASES)('%s', (name) => {
  const golden = readGolden(`foundation/${name}`);
  const pixels = golden.get('input.pixels');
  const side = pixels.shape[2]!;

  it('has the embedding, the dense tokens and the grid of PyTorch on ONNX Runtime', async () => {
    const model = await load(filesOf(name));
    expect(model.model.imageSize).toBe(side);
    const features = buildFrozen(model.network, input('pixel_values', pixels.shape), model.weights);
    expect([features.dense!.rows, features.dense!.columns]).toEqual([side / 4, side / 4]);
    const wanted = outputsOf(features, golden);
    expect([...wanted.keys()].length).toBe(golden.group('output.').size);
    const engine = ortNode({ threads: 1 });
    const compiled = await engine.compile(closeProgram(wanted));
    const out = Object.fromEntries([...wanted].map(([key, { shape }]) => [key, engine.empty('float32', shape)]));
    await compiled.run({ pixel_values: engine.tensor('float32', pixels.shape, Float32Array.from(pixels.data)) }, out);
    for (const key of wanted.keys())
      expectClose(key, (await out[key]!.read()) as Float32Array, golden.get(`output.${key}`), 1e-5);
    await compiled.dispose();
  });

  it('has them and the gradient of every parameter in float64', async () => {
    const model = await load(filesOf(name));
    const store = inputStore();
    const features = model.network.build(new Scope(store, true), input('pixels', pixels.shape));
    const outputs = outputsOf(features, golden);
    const loss = [...outputs]
      .map(([key, t]) => reduceSum(mul(t, input(`weight.${key}`, t.shape))))
      .reduce((a, b) => add(a, b));
    const gradients = theirGradients(filesOf(name), golden);
    const tensors = new Map(
      topologicalOrder([loss])
        .map(({ outputs }) => outputs[0]!)
        .filter(isInput)
        .map((t) => [inputName(t), t]),
    );
    const wrt = [...gradients.keys()];
    const derived = grad(
      loss,
      wrt.map((key) => tensors.get(key)!),
    );
    const feeds = new Map<string, NdArray>([
      ['pixels', pixels],
      ...[...golden.group('weight.')].map(([key, value]) => [`weight.${key}`, value] as const),
      ...[...model.weights].map(
        ([key, { shape, data }]) => [key, { dtype: 'float32', shape, data: Float64Array.from(data) }] as const,
      ),
    ]);
    // Positions that were resized are float32 and no parameter of the file.
    const tolerance = model.notes.some((note) => note.includes('resized from')) ? 1e-5 : 1e-9;
    const found = evaluate([...outputs.values(), ...derived], feeds);
    for (const [i, key] of [...outputs.keys()].entries())
      expectClose(key, found[i]!.data, golden.get(`output.${key}`), tolerance);
    // Of PyTorch's gradients float32 is kept.
    for (const [i, key] of wrt.entries())
      expectClose(key, found[outputs.size + i]!.data, gradients.get(key)!, Math.max(tolerance, 1e-6));
  });
});

/** Gradients by our names; row blocks are stacked as the parameters are. */
function theirGradients({ state }: Files, golden: Golden): Map<string, NdArray> {
  const { convention, places } = renameToOurs([...state.keys()], 'test');
  const theirs = new Map(
    [...golden.group('grad.')]
      .filter(([key]) => key !== 'pixels')
      .map(([key, { shape, data }]) => [key, { shape, data: data as unknown as Float32Array }]),
  );
  const joined = joinBlocks(theirs, places, convention);
  const resized = golden.config.case as string;
  if (/Smaller|Larger/.test(resized)) joined.delete('pos_embed');
  return new Map<string, NdArray>([
    ['pixels', golden.get('grad.pixels')],
    ...[...joined].map(([key, { shape, data }]) => [key, { dtype: 'float32', shape, data }] as const),
  ]);
}

describe('what the files say', () => {
  const files = Object.fromEntries(CASES.map((name) => [name, filesOf(name)])) as Record<string, Files>;
  const changed = (name: string, config: object, preprocessor = files[name]!.preprocessor): Files => ({
    ...files[name]!,
    config: { ...files[name]!.config, ...config },
    preprocessor,
  });
  const without = (name: string, ...tensors: string[]): Files => ({
    ...files[name]!,
    state: new Map([...files[name]!.state].filter(([key]) => !tensors.some((one) => key.includes(one)))),
  });

  it('each family has its own preparation, from the file and without one', async () => {
    const shorter = (side: number) => ({ resize: { to: 'shorter', side }, centre: 'floor' });
    const exactly = { resize: { to: 'exactly', width: 16, height: 16 }, centre: 'floor' };
    const openai = [0.48145466, 0.4578275, 0.40821073];
    expect((await load(files.dinov2!)).preprocessing).toMatchObject({
      imageSize: 16,
      geometry: shorter(20),
      mean: [0.485, 0.456, 0.406],
    });
    expect((await load(files.dinov3!)).preprocessing).toMatchObject({
      geometry: exactly,
      filter: 'bilinear',
      std: [0.229, 0.224, 0.225],
    });
    expect((await load(files.clip!)).preprocessing).toMatchObject({ geometry: shorter(16), mean: openai });
    expect((await load(files.siglip!)).preprocessing).toMatchObject({ geometry: exactly, mean: [0.5, 0.5, 0.5] });

    const bare = await load(changed('dinov2', {}, null));
    // The config's image_size is that of its training; without a file the released models' side is taken.
    expect(bare.preprocessing).toMatchObject({ imageSize: 224, geometry: shorter(256), mean: [0.485, 0.456, 0.406] });
    expect(bare.notes).toEqual([
      'no preprocessor_config.json: images are prepared as those of dinov2 are: shorter side to 256 px (bicubic), centre crop of 224 px, mean 0.485 0.456 0.406, std 0.229 0.224 0.225',
      'position embeddings resized from 4 x 4 to 56 x 56 patches',
    ]);
    const tower = await load(changed('clip', {}, null));
    expect([tower.model.imageSize, tower.preprocessing.mean]).toEqual([16, openai]);
  });

  it('the text tower is passed over and counted, masks silently', async () => {
    expect((await load(files.clip!)).notes).toEqual(['3 tensors of the text tower are passed over']);
    expect((await load(files.siglip!)).notes).toEqual(['4 tensors of the text tower are passed over']);
    expect((await load(files.dinov2Classifier!)).notes).toEqual([]);
    expect((await load(files.dinov2Classifier!)).classes).toEqual(['ant', 'bee', 'cat']);
  });

  it.each([
    [
      'another activation',
      () => changed('dinov2', { hidden_act: 'relu' }),
      'hidden_act: wanted gelu, gelu_pytorch_tanh, quick_gelu, silu, got "relu"',
    ],
    ['NaFlex', () => changed('siglip', { model_type: 'siglip2' }), 'got "siglip2": its images have any shape (NaFlex)'],
    ['a text tower alone', () => changed('clip', { model_type: 'clip_text_model' }), 'it is a tower for texts'],
    ['keys with a bias', () => changed('dinov3', { key_bias: true }), 'key_bias: wanted false, got true'],
    ['one more channel', () => changed('dinov2', { num_channels: 4 }), 'num_channels: wanted 3, got 4'],
    [
      'another model',
      () => changed('dinov2', { model_type: 'vit' }),
      'model_type: wanted "dinov2", as the weights beside it have, got "vit"',
    ],
    ['other registers', () => changed('dinov3', { num_register_tokens: 2 }), 'num_register_tokens: wanted 4'],
    [
      'registers that are not said',
      () => changed('dinov2Registers', { model_type: 'dinov2' }),
      'model_type: wanted "dinov2_with_registers"',
    ],
    ['no SwiGLU', () => changed('dinov2Swiglu', { use_swiglu_ffn: false }), 'use_swiglu_ffn: wanted true'],
    ['another ratio', () => changed('dinov2', { mlp_ratio: 4 }), 'mlp_ratio: wanted 32'],
    ['a head that is missing', () => without('siglip', 'vision_model.head'), 'vision_use_head: wanted false'],
    ['a gate that is missing', () => without('dinov3Gated', 'gate_proj'), 'use_gated_mlp: wanted false'],
    ['a tensor that is missing', () => without('dinov3', 'layer.1.layer_scale1'), '- blocks.1.ls1.gamma [16]'],
    [
      'a bias that is missing',
      () => without('dinov2', 'layer.0.attention.attention.key.bias'),
      '- blocks.0.attn.qkv.bias [48]',
    ],
    [
      'a tensor too many',
      () => ({
        ...files.dinov2!,
        state: new Map([...files.dinov2!.state, ['head.extra', files.dinov2!.state.get('layernorm.bias')!]]),
      }),
      '+ head.extra [16]',
    ],
  ])('refuses %s by name', async (_, made, message) => {
    await expect(load(made())).rejects.toThrow(message);
  });
});
