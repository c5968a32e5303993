import { describe, expect, it } from 'vitest';
import {
  floatTensor,
  type FileInit,
  halfTensor,
  intTensor,
  node,
  numbers,
  onnxBytes,
  port,
  byteTensor,
} from './onnxBuilder.ts';
import { agree, featuresOf, imported, run } from './onnxRun.ts';
import { closeProgram } from '../../src/program/program.ts';

const w = (name: string, dims: number[], phase = 1) =>
  floatTensor(
    name,
    dims,
    numbers(
      dims.reduce((a, b) => a * b, 1),
      0.5,
      phase,
    ),
  );
const pixels = numbers(7 * 3 * 64, 1.2);
const both = async (file: FileInit, tolerance = 1e-5) => {
  const bytes = onnxBytes(file);
  await agree(bytes, [1, 3, 8, 8], { pixels: pixels.slice(0, 192), tolerance });
  return agree(bytes, [7, 3, 8, 8], { pixels, tolerance });
};

describe('what exporters write', () => {
  it('functions as the dynamo exporter writes them: nested, with attributes of the call and optional inputs', async () => {
    const domain = 'pkg.torch';
    const linear = {
      domain,
      name: 'linear',
      input: ['a', 'm', 'c'],
      output: ['o'],
      node: [
        node('Transpose', ['m'], ['t'], { perm: [1, 0] }),
        node('MatMul', ['a', 't'], ['p']),
        node('Add', ['p', 'c'], ['o']),
      ],
      opsetImport: [{ domain: '', version: 18n }],
    };
    const flatten = {
      domain,
      name: 'flatten',
      input: ['a'],
      output: ['o'],
      attribute: ['start'],
      node: [{ ...node('Flatten', ['a'], ['o'], { axis: { ref: 'start' } }) }],
      opsetImport: [{ domain: '', version: 18n }],
    };
    const bounded = {
      domain,
      name: 'bounded',
      input: ['a', 'low', 'high'],
      output: ['o'],
      node: [node('Clip', ['a', 'low', 'high'], ['o'])],
      opsetImport: [{ domain: '', version: 18n }],
    };
    const model = {
      domain,
      name: 'Classifier',
      input: ['i', 'm', 'c'],
      output: ['o'],
      node: [
        node(`${domain}::flatten`, ['i'], ['f'], { start: 1 }),
        node(`${domain}::linear`, ['f', 'm', 'c'], ['l']),
        node('Constant', [], ['zero'], { value: { tensor: floatTensor('', [], [-0.2]) } }),
        node(`${domain}::bounded`, ['l', 'zero'], ['o']),
      ],
      opsetImport: [
        { domain: '', version: 18n },
        { domain, version: 1n },
      ],
    };
    await both({
      nodes: [node(`${domain}::Classifier`, ['x', 'm', 'c'], ['logits'])],
      weights: [w('m', [5, 192]), w('c', [5], 2)],
      functions: [linear, flatten, bounded, model],
      opset: 18,
    });
  });

  it('tf2onnx: NHWC input, transposes around convolutions, a softmax at the end whose input is taken', async () => {
    const nodes = [
      node('Transpose', ['x'], ['t'], { perm: [0, 3, 1, 2] }),
      node('Conv', ['t', 'k', 'b'], ['c'], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
      node('Relu', ['c'], ['r']),
      node('Transpose', ['r'], ['back'], { perm: [0, 2, 3, 1] }),
      node('ReduceMean', ['back'], ['pooled'], { axes: [1, 2], keepdims: 0 }),
      node('MatMul', ['pooled', 'm'], ['d']),
      node('Add', ['d', 'db'], ['s']),
      node('Softmax', ['s'], ['probabilities'], { axis: -1 }),
    ];
    const weights = [w('k', [4, 3, 3, 3]), w('b', [4], 2), w('m', [4, 5]), w('db', [5], 4)];
    const bytes = onnxBytes({ nodes, weights, input: ['N', 8, 8, 3], output: 'probabilities', opset: 13 });
    const model = imported(bytes);
    expect(model.notes.join()).toMatch(/probabilities is a softmax.*height,width,3/);
    const { features } = featuresOf(model, 2);
    const nchw = pixels.slice(0, 2 * 192);
    const nhwc = Float32Array.from(
      nchw,
      (_, i) => nchw[Math.floor(i / 192) * 192 + (i % 3) * 64 + Math.floor((i % 192) / 3)]!,
    );
    const { ownRun } = await import('./onnxRun.ts');
    const wanted = await ownRun(bytes, [2, 8, 8, 3], nhwc);
    const found = await run(closeProgram({ logits: features.logits, pooled: features.pooled! }), nchw);
    const probabilities = [0, 1].flatMap((b) => {
      const row = Array.from(found.get('logits')!.slice(b * 5, b * 5 + 5), Math.exp);
      const sum = row.reduce((x, y) => x + y);
      return row.map((x) => x / sum);
    });
    probabilities.forEach((p, i) => {
      expect(p).toBeCloseTo(wanted[i]!, 5);
    });
    expect(features.pooled!.shape).toEqual([2, 4]);
  });

  it('weights in half precision, casts between, and a branch with a constant condition that sees what is around it', async () => {
    const then = { name: 'then', node: [node('Add', ['h', 'c'], ['inner'])], output: [port('inner', [])] };
    const other = { name: 'else', node: [node('Unheard', ['h'], ['inner2'])], output: [port('inner2', [])] };
    const nodes = [
      node('Flatten', ['x'], ['f']),
      node('Cast', ['f'], ['f16'], { to: 10 }),
      node('MatMul', ['f16', 'm'], ['h16']),
      node('Cast', ['h16'], ['h'], { to: 1 }),
      node('Shape', ['x'], ['s']),
      node('Gather', ['s', 'one'], ['channels']),
      node('Equal', ['channels', 'three'], ['cond']),
      node('If', ['cond'], ['logits'], { then_branch: { graph: then }, else_branch: { graph: other } }),
    ];
    const m = halfTensor('m', [192, 5], numbers(960, 0.25));
    const weights = [m, w('c', [5]), intTensor('one', [1], []), intTensor('three', [3], [])];
    // ONNX Runtime would refuse the branch not taken, so its own run is of the same file with a branch that it knows.
    const file = (branch: typeof other) =>
      onnxBytes({
        nodes: nodes.with(
          -1,
          node('If', ['cond'], ['logits'], { then_branch: { graph: then }, else_branch: { graph: branch } }),
        ),
        weights,
      });
    const known = { ...other, node: [node('Identity', ['h'], ['inner2'])] };
    await agree(file(known), [7, 3, 8, 8], { pixels, tolerance: 5e-3 });
    expect(imported(file(other)).classes).toBe(5);
  });

  it('a file for one batch size answers for others: as it is where that is safe, side by side where a shape holds the batch', async () => {
    const head = [node('Gemm', ['f', 'm'], ['logits'])];
    const weights = [w('k', [4, 3, 1, 1]), w('m', [256, 5]), intTensor('s', [1, 256]), intTensor('t', [1, 4, 64])];
    const convolution = node('Conv', ['x', 'k'], ['c']);
    const plain = [convolution, node('Flatten', ['c'], ['f']), ...head];
    // Attention over positions would mix images if 7 of them were reshaped to 1.
    const mixing = [
      convolution,
      node('Reshape', ['c', 't'], ['r']),
      node('Transpose', ['r'], ['rt'], { perm: [0, 2, 1] }),
      node('MatMul', ['r', 'rt'], ['a']),
      node('Softmax', ['a'], ['p']),
      node('MatMul', ['p', 'r'], ['v']),
      node('Reshape', ['v', 's'], ['f']),
      ...head,
    ];
    for (const nodes of [plain, mixing]) {
      const fixed = imported(onnxBytes({ nodes, weights, input: [1, 3, 8, 8] }));
      const { features } = featuresOf(fixed, 7);
      const found = (await run(closeProgram({ logits: features.logits }), pixels)).get('logits')!;
      for (let i = 0; i < 7; i++) {
        const one = await agree(onnxBytes({ nodes, weights, input: [1, 3, 8, 8] }), [1, 3, 8, 8], {
          pixels: pixels.slice(i * 192, i * 192 + 192),
        });
        one.logits.forEach((x, k) => {
          expect(found[i * 5 + k]).toBeCloseTo(x, 4);
        });
      }
      expect(features.pooled!.shape).toEqual([7, 256]);
    }
    const two = imported(
      onnxBytes({
        nodes: [convolution, node('Reshape', ['c', 's2'], ['f']), ...head],
        weights: [...weights.slice(0, 2), intTensor('s2', [2, -1])],
        input: [2, 3, 8, 8],
      }),
    );
    const { features } = featuresOf(two, 3);
    const found = (await run(closeProgram({ logits: features.logits }), pixels.slice(0, 576))).get('logits')!;
    const wanted = (await agree(onnxBytes({ nodes: plain, weights }), [3, 3, 8, 8], { pixels: pixels.slice(0, 576) }))
      .logits;
    wanted.forEach((x, i) => {
      expect(found[i]).toBeCloseTo(x, 4);
    });
  });

  it('the gradient goes straight through the rounding of quantised activations, and stops where they saturate', async () => {
    const nodes = [
      node('QuantizeLinear', ['x', 's', 'z'], ['q']),
      node('DequantizeLinear', ['q', 's', 'z'], ['d']),
      node('Flatten', ['d'], ['logits']),
    ];
    const weights = [floatTensor('s', [], [0.01]), byteTensor('z', [], [100])];
    const { gradient, logits } = await agree(onnxBytes({ nodes, weights }), [1, 3, 8, 8], {
      pixels: pixels.slice(0, 192),
      tolerance: 1e-4,
    });
    const saturated = (x: number) => x <= -1 + 1e-6;
    expect(logits.some((x) => saturated(x)) && logits.some((x) => !saturated(x))).toBe(true);
    // Beyond the range by less than half a step a value still rounds into it.
    gradient.forEach((g, i) => {
      if (Math.abs(pixels[i]! + 1) > 0.01) expect(g, `at ${pixels[i]}`).toBeCloseTo(pixels[i]! < -1 ? 0 : 1, 5);
    });
  });

  it('all that is unknown is listed at once, with counts and nodes', () => {
    const nodes = [
      node('Foo', ['x'], ['a']),
      node('Foo', ['a'], ['b']),
      node('my.domain::Bar', ['b'], ['c']),
      node('Conv', ['x', 'k'], ['d'], { auto_pad: 'WRONG' }),
      node('Add', ['c', 'd'], ['e']),
      node('Baz', ['e'], ['logits']),
    ];
    const read = () => imported(onnxBytes({ nodes, weights: [w('k', [4, 3, 3, 3])] }));
    expect(read).toThrow(/unknown operator Foo: 2 x \(n_a, n_b\)/);
    expect(read).toThrow(/unknown operator my\.domain::Bar: 1 x \(n_c\)/);
    expect(read).toThrow(/unknown operator Baz: 1 x \(n_logits\)/);
    expect(read).toThrow(/n_d: auto_pad = WRONG is not supported/);
  });

  it('the statistics of a file for one batch size are those of the whole batch', async () => {
    const norm = ['scale', 'bias', 'mean'].map((name) => w(name, [4]));
    const variance = floatTensor('variance', [4], [0.5, 1, 1.5, 2]);
    const weights = [w('k', [4, 3, 1, 1]), ...norm, variance, w('m', [256, 5]), intTensor('s', [1, 256])];
    const inputs = ['c', 'scale', 'bias', 'mean', 'variance'];
    const upTo = [node('Conv', ['x', 'k'], ['c']), node('BatchNormalization', inputs, ['n'])];
    const head = node('Gemm', ['f', 'm'], ['logits']);
    const seen = async (flatten: ReturnType<typeof node>, batch: number | string) => {
      const file = onnxBytes({ nodes: [...upTo, flatten, head], weights, input: [batch, 3, 8, 8] });
      const { normStats } = featuresOf(imported(file), 7).features;
      expect(normStats).toHaveLength(1);
      expect(normStats![0]!.input.shape).toEqual([7, 4, 8, 8]);
      return (await run(closeProgram({ input: normStats![0]!.input }), pixels)).get('input')!;
    };
    const open = await seen(node('Flatten', ['n'], ['f']), 'N');
    expect(await seen(node('Reshape', ['n', 's'], ['f']), 1)).toEqual(open);
    // What fills a batch up is not seen.
    const eight = onnxBytes({
      nodes: [...upTo, node('Reshape', ['n', 't'], ['f']), head],
      weights: [...weights, intTensor('t', [8, 256])],
      input: [8, 3, 8, 8],
    });
    const { normStats, logits } = featuresOf(imported(eight), 7).features;
    expect([normStats![0]!.input.shape, logits.shape]).toEqual([
      [7, 4, 8, 8],
      [7, 5],
    ]);
  });

  it('a batch norm in training form names the remedy', () => {
    const weights = ['a', 'b', 'c', 'd'].map((name) => w(name, [3]));
    const nodes = [
      node('BatchNormalization', ['x', 'a', 'b', 'c', 'd'], ['n', 'm', 'v'], { training_mode: 1 }),
      node('Flatten', ['n'], ['logits']),
    ];
    expect(() => imported(onnxBytes({ nodes, weights }))).toThrow(
      /training form; call model\.eval\(\) before the export/,
    );
  });

  it('an open image size is asked for, one that is fixed cannot be changed', () => {
    const nodes = [node('GlobalAveragePool', ['x'], ['p']), node('Flatten', ['p'], ['logits'])];
    const open = onnxBytes({ nodes, input: ['N', 3, 'H', 'W'] });
    expect(() => imported(open)).toThrow(/leaves the image size open.*--image-size/s);
    expect(imported(open, { imageSize: 12 }).imageSize).toBe(12);
    expect(() => imported(onnxBytes({ nodes }), { imageSize: 12 })).toThrow(
      /wanted images of 8 px, which the file fixes, got 12 from a setting/,
    );
  });
});
