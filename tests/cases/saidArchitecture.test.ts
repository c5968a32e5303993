import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readForeignModel } from '../../src/formats/foreignModelNode.ts';
import { encodeSafetensors, float32Tensor } from '../../src/formats/tensors/safetensors.ts';
import { buildModel, type ModelConfig, variantConfig } from '../../src/models/index.ts';
import { initialValue } from '../../src/nn/initialise.ts';
import { modelParams } from '../../src/program/evalProgram.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-said-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const LABELS = ['a', 'b', 'c', 'd', 'e'];
const CARD = {
  input_size: [3, 32, 32],
  crop_pct: 0.95,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  interpolation: 'bilinear',
};

const small = (name: string, settings: object): ModelConfig =>
  variantConfig(name, { imageSize: 32, classes: 5, ...settings });
const MODELS = {
  resnet: small('resnet18', { depths: [1, 1], widths: [4, 8] }),
  vit: small('vit_tiny_patch16_224', { depth: 1, width: 192, heads: 3, mlpRatio: 1 }),
  regnet: small('regnety_002', { depths: [1, 1], widths: [8, 16], groupWidth: 8, stemWidth: 8 }),
};

beforeAll(() => {
  for (const [name, config] of Object.entries(MODELS)) {
    mkdirSync(join(dir, name));
    const tensors = modelParams(buildModel(config)).map(
      (spec) => [spec.name, float32Tensor(spec.shape, initialValue(spec, 1))] as const,
    );
    writeFileSync(join(dir, name, 'model.safetensors'), encodeSafetensors(tensors));
  }
});

async function read(family: keyof typeof MODELS, config: object | undefined) {
  const file = join(dir, family, 'config.json');
  rmSync(file, { force: true });
  if (config) writeFileSync(file, JSON.stringify(config));
  return readForeignModel(join(dir, family));
}

const timm = (architecture: string, more: object = {}) => ({
  architecture,
  label_names: LABELS,
  pretrained_cfg: CARD,
  ...more,
});

describe("timm's architecture", () => {
  it.each([
    ['resnet', 'resnet26'],
    ['resnet', 'tv_resnet26.tv_in1k'],
    ['resnet', 'gluon_resnet26_v1b.gluon_in1k'],
    ['regnet', 'regnety_003.pycls_in1k'],
    ['vit', 'vit_small_patch16_32.augreg_in21k_ft_in1k'],
    ['vit', 'deit3_wee_patch16_32'],
  ] as const)('%s: %s is built without a word', async (family, name) => {
    const { notes } = await read(family, timm(name, { model_args: { num_heads: 3 } }));
    expect(notes.filter((note) => /architecture/.test(note))).toEqual([]);
  });

  // The same parameters and other numbers.
  it.each([
    ['resnet', 'resnetblur18'],
    ['resnet', 'resnetaa26d.sw_in12k'],
    ['resnet', 'seresnet26'],
    ['resnet', 'made_up'],
    ['regnet', 'regnetz_003'],
    ['vit', 'vit_base_patch16_rpn_224.sw_in1k'],
    ['vit', 'vit_base_patch32_clip_quickgelu_224.openai'],
    ['vit', 'vit_so400m_patch14_siglip_gap_224'],
    ['vit', 'beit_base_patch16_224'],
  ] as const)('%s: %s is refused by name', async (family, name) => {
    await expect(read(family, timm(name))).rejects.toThrow(
      `config.json: architecture: wanted one that is computed here (a plain ${family}), got "${name}"`,
    );
  });

  it('of no known name is told; of a known one its sizes and heads count', async () => {
    const { notes, model } = await read('vit', timm('vit_made_up', { model_args: { num_heads: 12 } }));
    expect(notes).toEqual([
      'architecture "vit_made_up" is none of timm\'s that are known here: a plain vit is built, as its parameters are',
    ]);
    expect(model).toMatchObject({ heads: 12 });
    await expect(read('vit', timm('vit_tiny_patch16_224'))).rejects.toThrow(
      /architecture vit_tiny_patch16_224: depth: wanted 1, as the weights beside it have, got 12/,
    );
    await expect(read('resnet', timm('resnet18'))).rejects.toThrow(/architecture resnet18: depths: wanted \[1,1\]/);
  });

  it.each([
    ['resnet', { aa_layer: 'blurpool' }, /aa_layer: wanted none, got "blurpool"/],
    ['resnet', { act_layer: 'silu' }, /act_layer: wanted "gelu" or "relu", got "silu"/],
    ['resnet', { output_stride: 16 }, /output_stride: wanted 32, got 16/],
    ['vit', { pre_norm: true }, /pre_norm: wanted none, got true/],
    ['vit', { global_pool: 'avgmax' }, /global_pool: wanted "token" or "avg", got "avgmax"/],
  ] as const)('%s with %j computes something else', async (family, args, message) => {
    const name = family === 'vit' ? 'vit_small_patch16_32' : 'resnet26';
    await expect(read(family, timm(name, { model_args: args }))).rejects.toThrow(message);
    const off = Object.fromEntries(Object.keys(args).map((key) => [key, null]));
    await expect(read(family, timm(name, { model_args: off }))).resolves.toBeDefined();
  });

  it('older files have all of it side by side', async () => {
    const flat = {
      architecture: 'resnet26',
      num_classes: 5,
      ...CARD,
      labels: LABELS,
      global_pool: 'avg',
      first_conv: 'conv1',
    };
    const { preprocessing, classes, notes } = await read('resnet', flat);
    const today = await read('resnet', timm('resnet26'));
    expect({ preprocessing, classes }).toEqual({ preprocessing: today.preprocessing, classes: today.classes });
    expect(preprocessing).toMatchObject({ mean: CARD.mean, std: CARD.std, evalCropRatio: 0.95, filter: 'bilinear' });
    expect(notes).toEqual([]);
  });
});

describe("transformers' sizes", () => {
  const config = { model_type: 'vit', hidden_size: 192, num_hidden_layers: 1, num_attention_heads: 3, patch_size: 16 };

  it('are those of the weights', async () => {
    await expect(read('vit', { ...config, intermediate_size: 192 })).resolves.toBeDefined();
    await expect(read('vit', { ...config, num_hidden_layers: 12 })).rejects.toThrow(
      /config\.json: num_hidden_layers: wanted 1, as the weights beside it have, got 12/,
    );
    await expect(read('resnet', { model_type: 'resnet', depths: [2, 2], layer_type: 'basic' })).rejects.toThrow(
      /depths/,
    );
    await expect(read('resnet', { model_type: 'resnet', depths: [1, 1], layer_type: 'bottleneck' })).rejects.toThrow(
      /layer_type: wanted "basic"/,
    );
  });
});

it('heads that nobody names are told', async () => {
  for (const config of [undefined, { id2label: Object.fromEntries(LABELS.map((name, i) => [i, name])) }]) {
    const { notes, model } = await read('vit', config);
    expect(model).toMatchObject({ heads: 3 });
    expect(notes.join('\n')).toContain('do not say how many attention heads it has: 3 are taken');
  }
  const { notes } = await read('vit', { model_type: 'vit', num_attention_heads: 3 });
  expect(notes.join('\n')).not.toContain('heads');
});
