import { expect, it } from 'vitest';
import { layerRates } from './layerDecay.ts';

it('counts layers from the head down', () => {
  const vit = [
    'cls_token',
    'pos_embed',
    'patch_embed.proj.weight',
    'blocks.0.norm1.weight',
    'blocks.11.attn.qkv.weight',
  ];
  const top = ['norm.weight', 'fc_norm.weight', 'head.weight', 'head_dist.bias', 'method.deep.align.weight'];
  const between = Array.from({ length: 10 }, (_, i) => `blocks.${i + 1}.norm1.weight`);
  const rates = layerRates([...vit, ...between, ...top], 0.5);
  expect(vit.map((name) => rates.get(name))).toEqual([...Array(3).fill(0.5 ** 13), 0.5 ** 12, 0.5]);
  expect(top.map((name) => rates.get(name))).toEqual([0.5, 1, 1, 1, 1]);
});

it('knows the layers of a ResNet', () => {
  const names = ['conv1.weight', 'bn1.weight', 'layer1.0.conv1.weight', 'layer4.1.bn2.bias', 'fc.weight'];
  const rates = layerRates(names, 0.1);
  expect(names.map((name) => rates.get(name))).toEqual([1e-3, 1e-3, 1e-2, 0.1, 1].map((x) => expect.closeTo(x, 15)));
});
