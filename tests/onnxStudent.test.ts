import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OnnxFile } from '../src/onnx/import/onnxFile.ts';
import { readStudent } from '../src/onnx/student/read.ts';
import { networkOf } from '../src/onnx/network.ts';
import { withoutValues } from '../src/onnx/student/structure.ts';
import { modelParams } from '../src/program/evalProgram.ts';
import type { LoadedModel } from '../src/run/models/loaded.ts';
import { initialWeights } from '../src/run/training/stage/initialWeights.ts';
import { evaluateModel } from '../src/run/evaluation/evaluate.ts';
import { exportModel } from '../src/run/exporting/exportModel.ts';
import { verifyModel } from '../src/run/exporting/verify.ts';
import { inspectModel } from '../src/run/models/inspect.ts';
import { distill, resume, train } from '../src/run/training/trainNode.ts';
import { readSafetensors } from '../src/formats/tensors/safetensorsNode.ts';
import { contents, writeDataset } from './endToEnd/commandLine.ts';
import {
  floatTensor,
  intTensor,
  node,
  type NodeInit,
  numbers,
  onnxBytes,
  port,
  type TensorInit,
} from './parity/onnxBuilder.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const dir = mkdtempSync(join(tmpdir(), 'understudy-student-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const at = (...path: string[]) => join(dir, ...path);
beforeAll(() => writeDataset(at('data')));

const one = (count: number, from = 1) => numbers(count, 0.3).map((x) => from + x);

/** A convolution, a BatchNorm that is kept, a dropout, a residual convolution, and a head of `classes`. */
function network(classes: number): Uint8Array {
  const nodes: NodeInit[] = [
    node('Conv', ['x', 'stem.weight'], ['c'], { pads: [1, 1, 1, 1], strides: [2, 2] }),
    node('BatchNormalization', ['c', 'bn.weight', 'bn.bias', 'bn.mean', 'bn.var'], ['n']),
    node('Relu', ['n'], ['r']),
    node('Conv', ['r', 'block.weight', 'block.bias'], ['d'], { pads: [1, 1, 1, 1] }),
    node('Add', ['r', 'd'], ['sum']),
    node('GlobalAveragePool', ['sum'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('Dropout', ['f', 'rate'], ['kept']),
    node('Gemm', ['kept', 'fc.weight', 'fc.bias'], ['scores'], { transB: 1 }),
  ];
  const weights: TensorInit[] = [
    floatTensor('stem.weight', [4, 3, 3, 3], numbers(108, 0.4)),
    floatTensor('bn.weight', [4], one(4)),
    floatTensor('bn.bias', [4], numbers(4, 0.1, 3)),
    floatTensor('bn.mean', [4], numbers(4, 0.1, 5)),
    floatTensor('bn.var', [4], one(4, 0.8)),
    floatTensor('block.weight', [4, 4, 3, 3], numbers(144, 0.3, 7)),
    floatTensor('block.bias', [4], numbers(4, 0.1, 9)),
    floatTensor('fc.weight', [classes, 4], numbers(classes * 4, 0.5, 11)),
    floatTensor('fc.bias', [classes], numbers(classes, 0.1, 13)),
    floatTensor('rate', [], [0.25]),
  ];
  return onnxBytes({ nodes, weights, input: ['N', 3, 16, 16], output: 'scores', declared: ['N', classes] });
}

const settings = {
  train: { epochs: 3, batch: 8, ema: 0.9, seed: 5, linearProbe: 0 },
  optim: { lr: 0.02, warmupEpochs: 0 },
  augment: { preset: 'light' },
} as const;

/** A file without the values of what is trained. */
const bare = (bytes: Uint8Array) => Buffer.from(withoutValues(bytes, readStudent(new OnnxFile(bytes, 'file')).weights));
const onnxOf = (run: string) => readFileSync(at(run, 'model/onnx/model.onnx'));

describe('an ONNX file as the student', () => {
  it('is trained, gone on with after a stop and without the file, bit for bit', async () => {
    mkdirSync(at('own'));
    writeFileSync(at('own/net.onnx'), network(3));
    const pixels = { image_mean: [0.4, 0.5, 0.6], image_std: [0.2, 0.2, 0.2] };
    writeFileSync(at('own/preprocessor_config.json'), JSON.stringify({ ...pixels, size: 16 }));
    const run = (out: string, more: object = {}) =>
      train({ data: at('data'), model: at('own/net.onnx'), out: at(out), settings, ...more });
    await run('whole');
    const stop = new AbortController();
    const stopped = await run('parts', {
      signal: stop.signal,
      onEvent: (event: { type: string; step?: number }) => event.type === 'step' && event.step === 4 && stop.abort(),
    });
    expect(stopped).toMatchObject({ reason: 'interrupted', steps: 4 });
    rmSync(at('own'), { recursive: true });
    expect(await resume(at('parts'))).toMatchObject({ reason: 'done', steps: 9 });
    // It sees the pixels that its files say, after a stop too.
    expect(JSON.parse(readFileSync(at('parts/model/preprocessor_config.json'), 'utf8'))).toMatchObject(pixels);
    for (const part of ['checkpoints/last', 'model'])
      expect(contents(at('parts', part))).toEqual(contents(at('whole', part)));
    const { tensors } = await readSafetensors(at('whole/checkpoints/last/model.safetensors'));
    expect([...tensors.keys()].sort()).toEqual(
      'block.bias block.weight bn.bias bn.mean bn.var bn.weight fc.bias fc.weight stem.weight'.split(' '),
    );
    const file = readStudent(new OnnxFile(network(3), 'file')).weights;
    for (const [name, { data }] of tensors)
      expect(Array.from(data as Float32Array), name).not.toEqual([...file.get(name)!.data]);
  });

  it('is exported as the file that it was, with other weights alone, and evaluated as any model', async () => {
    expect(bare(onnxOf('whole')).equals(bare(network(3)))).toBe(true);
    const { top1 } = await evaluateModel(at('whole'), { data: at('data') });
    expect(top1).toBeGreaterThan(0.6);
    const report = await exportModel(at('whole'), { out: at('exported'), dtype: 'fp32,fp16,q8', data: at('data') });
    expect(report.checks.map(({ dtype }) => dtype)).toEqual(['fp32', 'fp16', 'q8']);
    const { agrees, rows } = await verifyModel(at('exported'), { data: at('data') });
    expect([agrees, new Set(rows.map(({ file }) => file)).size]).toEqual([true, 3]);
    const found = await inspectModel(at('exported'));
    expect([found.family, found.parameters, found.asStudent]).toEqual([
      'onnx',
      279,
      expect.arrayContaining(['kd', 'nkd']),
    ]);
  });

  it('gets a head of the classes of the data, and learns from a teacher', async () => {
    writeFileSync(at('five.onnx'), network(5));
    await distill({
      data: at('data'),
      teacher: at('whole'),
      student: at('five.onnx'),
      method: 'kd',
      out: at('taught'),
      settings,
    });
    expect(bare(onnxOf('taught')).equals(bare(network(3)))).toBe(true);
    expect(existsSync(at('taught/report.html'))).toBe(true);
  });

  it('is taken for weights where another is named too, and where there are two to start from', async () => {
    writeFileSync(at('net.onnx'), network(3));
    cpSync(at('net.onnx'), at('other.onnx'));
    await expect(train({ data: at('data'), model: at('net.onnx'), init: at('other.onnx') })).rejects.toThrow(
      /got two: .*net\.onnx and .*other\.onnx/,
    );
  });
});

describe('what is trained', () => {
  /** Normalises inside the graph, adds a mask, multiplies by a single factor, and ends in a MatMul with its bias. */
  const bytes = onnxBytes({
    nodes: [
      node('Sub', ['x', 'mean'], ['centred']),
      node('Mul', ['centred', 'gain'], ['prepared']),
      node('Conv', ['prepared', 'w'], ['c'], { kernel_shape: [4, 4], strides: [4, 4] }),
      node('Reshape', ['c', 'flat'], ['t']),
      node('Mul', ['t', 'factor'], ['scaled']),
      node('Add', ['scaled', 'positions'], ['p']),
      node('Add', ['p', 'mask'], ['m']),
      node('Softmax', ['m'], ['s'], { axis: 2 }),
      node('ReduceMean', ['s'], ['pooled'], { axes: [2], keepdims: 0 }),
      node('MatMul', ['pooled', 'head'], ['h']),
      node('Add', ['h', 'bias'], ['logits']),
    ],
    weights: [
      floatTensor('mean', [1, 3, 1, 1], [0.1, 0.2, 0.3]),
      floatTensor('gain', [1, 3, 1, 1], [2, 3, 4]),
      floatTensor('w', [4, 3, 4, 4], numbers(192)),
      intTensor('flat', [0, 4, -1]),
      floatTensor('factor', [1], [0.5]),
      floatTensor('positions', [1, 4, 16], numbers(64)),
      floatTensor(
        'mask',
        [1, 4, 16],
        numbers(64).map((x) => (x > 0.5 ? -100 : 0)),
      ),
      floatTensor('head', [4, 3], numbers(12)),
      floatTensor('bias', [3], numbers(3)),
    ],
    input: ['N', 3, 16, 16],
  });
  const read = (constants: string[] = []) => readStudent(new OnnxFile(bytes, 'file'), { constants });

  it('is what layers multiply by and add; not what prepares the image, a mask or a factor', () => {
    expect([...read().weights.keys()]).toEqual(['w', 'positions', 'head', 'bias']);
    expect([...read(['positions']).weights.keys()]).toEqual(['w', 'head', 'bias']);
    expect(() => read(['position'])).toThrow(/Unknown float tensor of file "position"\. Did you mean positions\?/);
    const specs = modelParams(networkOf(read().config)).map(({ name, decay }) => [name, decay] as const);
    expect(Object.fromEntries(specs)).toEqual({ w: true, positions: false, head: true, bias: false });
  });

  it('the head is told from the rest, with the axis of its classes; other classes change it alone', () => {
    const student = networkOf({ ...read().config, classes: 5 });
    expect([...student.heads!]).toEqual([
      ['bias', 0],
      ['head', 1],
    ]);
    const shapes = modelParams(student).map(({ name, shape }) => [name, shape] as const);
    expect(Object.fromEntries(shapes)).toMatchObject({ head: [4, 5], bias: [5], positions: [1, 4, 16] });
    expect(student.layersAbove!.get('head')).toBe(0);
    expect(student.layersAbove!.get('w')! >= student.layersAbove!.get('positions')!).toBe(true);
  });

  it('of a head [D,K] the columns of the classes are taken over, by name', () => {
    const { config, weights } = read();
    const network = networkOf(config);
    const known = { path: 'known', stored: '', notes: [], model: config, network, weights, classes: ['a', 'b', 'c'] };
    const student = networkOf({ ...config, classes: 2 });
    const taken = initialWeights(known as unknown as LoadedModel, student, ['c', 'a']);
    const head = weights.get('head')!.data;
    expect(taken.keepsHead).toBe(true);
    expect([...taken.weights.get('head')!.data]).toEqual([2, 0, 5, 3, 8, 6, 11, 9].map((i) => head[i]));
    const fresh = { ...known, model: { ...config, fresh: true } } as unknown as LoadedModel;
    expect(initialWeights(fresh, student, ['c', 'a']).weights.size).toBe(0);
  });
});

describe('what cannot be trained', () => {
  const reading = (bytes: Uint8Array) => () => readStudent(new OnnxFile(bytes, 'user.onnx'));

  const message = (act: () => unknown): string => {
    try {
      act();
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it('is told at once, by name', () => {
    const graph = {
      node: [node('Constant', [], ['c1'], { value: { tensor: floatTensor('', [], [1]) } })],
      output: [port('c1', [])],
    };
    const bytes = onnxBytes({
      nodes: [
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['dq']),
        node('Conv', ['dq', 'w'], ['c']),
        node('If', ['yes'], ['i'], { then_branch: { graph }, else_branch: { graph } }),
        node('Mul', ['c', 'i'], ['m']),
        node('BatchNormalization', ['m', 'g', 'b', 'mean', 'var'], ['n1']),
        node('BatchNormalization', ['n1', 'g', 'b', 'mean', 'var'], ['n2']),
        node('GlobalAveragePool', ['n2'], ['p']),
        node('Flatten', ['p'], ['f']),
        node('Round', ['f'], ['r']),
        node('Gemm', ['r', 'fc'], ['logits']),
      ],
      weights: [
        floatTensor('s', [], [0.1]),
        { name: 'z', dims: [], dataType: 2, int32Data: [128] },
        floatTensor('w', [4, 3, 1, 1], numbers(12)),
        { name: 'yes', dims: [], dataType: 9, int32Data: [1] },
        ...['g', 'b', 'mean', 'var'].map((name) => floatTensor(name, [4], one(4))),
        floatTensor('fc', [4, 3], numbers(12)),
      ],
    });
    const told = message(reading(bytes)).split('\n  ').sort();
    expect(told.at(-1)).toMatch(/^weights that no gradient reaches: .*b, g.*/);
    expect(told.slice(0, -1)).toEqual([
      'control flow: operator If: n_i',
      'operator without a gradient Round: n_r',
      'quantised operator DequantizeLinear: n_dq',
      'quantised operator QuantizeLinear: n_q',
      'running statistics that several nodes share, and each would change: mean, var',
      'user.onnx: wanted an ONNX network that can be trained, got 6 reasons against it:',
    ]);
  });

  it('is a head that is tied, where the classes differ, and a network whose answer no layer makes', async () => {
    const tied = onnxBytes({
      nodes: [
        node('GlobalAveragePool', ['x'], ['p']),
        node('Flatten', ['p'], ['f']),
        node('MatMul', ['f', 'w'], ['h']),
        node('MatMul', ['h', 'w'], ['logits']),
      ],
      weights: [floatTensor('w', [3, 3], numbers(9)), intTensor('unused', [1])],
      input: ['N', 3, 16, 16],
    });
    writeFileSync(at('tied.onnx'), tied);
    await expect(train({ data: at('data'), model: at('tied.onnx'), out: at('tied'), settings })).resolves.toMatchObject(
      { reason: 'done' },
    );
    await writeDataset(at('two'), ['blue', 'red']);
    await expect(train({ data: at('two'), model: at('tied.onnx'), out: at('no'), settings })).rejects.toThrow(
      /tied\.onnx: .*weights that other layers share: w/,
    );
    expect(existsSync(at('no'))).toBe(false);
  });
});
