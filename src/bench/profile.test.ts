import { expect, it } from 'vitest';
import { profileRows } from './profile.ts';

const node = (name: string, op_name: string, dur: number) => ({ cat: 'Node', name, dur, args: { op_name } });

it('adds up the operators of a kind in all blocks, by step', () => {
  const events = [
    { cat: 'Session', name: 'model_loading_array', dur: 1e6 },
    node('blocks.0.attn.qkv/Gemm#3_kernel_time', 'Gemm', 3000),
    node('blocks.11.attn.qkv/Gemm#90_kernel_time', 'Gemm', 1000),
    node('blocks.0.attn.qkv/Gemm#3_fence_before', 'Gemm', 500),
    node('optimiser/Mul#7_kernel_time', 'Mul', 1000),
    node('layer1.2/Conv#8_kernel_time', 'Conv', 1000),
    node('_kernel_time', 'Identity', 2000),
  ];
  expect(profileRows(events, 2)).toEqual([
    { layer: 'blocks.*.attn.qkv', operator: 'Gemm', count: 1, milliseconds: 2, share: 0.5 },
    { layer: 'other', operator: 'Identity', count: 0.5, milliseconds: 1, share: 0.25 },
    { layer: 'optimiser', operator: 'Mul', count: 0.5, milliseconds: 0.5, share: 0.125 },
    { layer: 'layer1.*', operator: 'Conv', count: 0.5, milliseconds: 0.5, share: 0.125 },
  ]);
});
