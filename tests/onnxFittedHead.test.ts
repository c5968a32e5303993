import { describe, expect, it } from 'vitest';
import { evaluate } from '../src/engine/reference.ts';
import { input } from '../src/graph/build.ts';
import { ndArray } from '../src/graph/ndArray.ts';
import { networkOf } from '../src/onnx/network.ts';
import { OnnxFile } from '../src/onnx/import/onnxFile.ts';
import { readStudent } from '../src/onnx/student/read.ts';
import { buildFrozen } from '../src/program/evalProgram.ts';
import type { OwnModel } from '../src/run/models/loaded.ts';
import { ownWithHead } from '../src/run/training/prepare/fitHeads.ts';
import { initialWeights } from '../src/run/training/stage/initialWeights.ts';
import { floatTensor, node, type NodeInit, numbers, onnxBytes, type TensorInit } from './parity/onnxBuilder.ts';

const [OWN, D] = [5, 4];
const CLASSES = ['x', 'y', 'z'];
const pool = node('GlobalAveragePool', ['r'], ['p']);
const flat = node('Flatten', ['p'], ['f']);
const bias = floatTensor('fc.bias', [OWN], numbers(OWN, 0.1, 13));
const weight = (...shape: number[]) => floatTensor('fc.weight', shape, numbers(OWN * D, 0.5, 11));

interface Form {
  readonly nodes: NodeInit[];
  readonly weights: TensorInit[];
}

/** What exporters write for a classifier's last layer. */
const FORMS: Readonly<Record<string, Form>> = {
  'a Gemm, turned': {
    nodes: [pool, flat, node('Gemm', ['f', 'fc.weight', 'fc.bias'], ['scores'], { transB: 1 })],
    weights: [weight(OWN, D), bias],
  },
  'a Gemm': {
    nodes: [pool, flat, node('Gemm', ['f', 'fc.weight', 'fc.bias'], ['scores'])],
    weights: [weight(D, OWN), bias],
  },
  'a MatMul and an Add': {
    nodes: [pool, flat, node('MatMul', ['f', 'fc.weight'], ['m']), node('Add', ['m', 'fc.bias'], ['scores'])],
    weights: [weight(D, OWN), bias],
  },
  'a convolution': {
    nodes: [pool, node('Conv', ['p', 'fc.weight', 'fc.bias'], ['c']), node('Flatten', ['c'], ['scores'])],
    weights: [weight(OWN, D, 1, 1), bias],
  },
};

function modelOf({ nodes, weights }: Form): OwnModel {
  const stem = floatTensor('stem.weight', [D, 3, 3, 3], numbers(108, 0.4));
  const bytes = onnxBytes({
    nodes: [node('Conv', ['x', 'stem.weight'], ['s']), node('Relu', ['s'], ['r']), ...nodes],
    weights: [stem, ...weights],
    input: ['N', 3, 8, 8],
    output: 'scores',
    declared: ['N', OWN],
  });
  const read = readStudent(new OnnxFile(bytes, 'file.onnx'));
  return {
    ...{ model: read.config, network: networkOf(read.config), weights: read.weights },
    ...{ classes: ['a', 'b', 'c', 'd', 'e'], path: 'file.onnx', stored: 'file.onnx', notes: [] },
    preprocessing: { imageSize: 8, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], evalCropRatio: 1 },
  };
}

const head = {
  ...{ by: 'ridge' as const, lambda: 0.1, heldOut: 0.9 },
  weight: Float32Array.from(numbers(CLASSES.length * D, 1, 2)),
  bias: Float32Array.from(numbers(CLASSES.length, 1, 4)),
};

describe('a head fitted to a network of one’s own', () => {
  it.each(Object.entries(FORMS))('that ends in %s is what it answers with', (_, form) => {
    const fitted = ownWithHead(modelOf(form), CLASSES, head);
    const { weights, keepsHead } = initialWeights(fitted, fitted.network, CLASSES);
    expect(keepsHead).toBe(true);
    const pixels = input('pixels', [2, 3, 8, 8]);
    const { logits, embedding } = buildFrozen(fitted.network, pixels, weights);
    const feeds = new Map([['pixels', ndArray([2, 3, 8, 8], numbers(384, 1))]]);
    const [found, features] = evaluate([logits, embedding!], feeds);
    for (let i = 0; i < 2; i++)
      for (let k = 0; k < CLASSES.length; k++) {
        let wanted = head.bias[k]!;
        for (let c = 0; c < D; c++) wanted += head.weight[k * D + c]! * features!.data[i * D + c]!;
        expect(found!.data[i * CLASSES.length + k]).toBeCloseTo(wanted, 6);
      }
  });

  it('is refused where the head has no bias', () => {
    const form = { nodes: [pool, flat, node('MatMul', ['f', 'fc.weight'], ['scores'])], weights: [weight(D, OWN)] };
    expect(() => ownWithHead(modelOf(form), CLASSES, head)).toThrow(
      /student\.fitHead: wanted a head of weights \[3, 4\] and a bias.*got fc\.weight \[4, 3\]/,
    );
  });
});
