// Long because it lists one by one what a hostile file can try.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { input } from '../../src/graph/build.ts';
import { BuildError, UserError } from '../../src/graph/errors.ts';
import { onnxModel } from '../../src/onnx/import/onnxModel.ts';
import { readOnnx } from '../../src/onnx/import/readOnnxNode.ts';
import { buildFrozen } from '../../src/program/evalProgram.ts';
import { stream } from '../../src/random/stream.ts';
import { floatTensor, intTensor, node, numbers, onnxBytes, type FileInit, type TensorInit } from './onnxBuilder.ts';
import { imported } from './onnxRun.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-onnx-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const m = floatTensor('m', [192, 5], numbers(960));
const head = [node('Flatten', ['x'], ['f']), node('MatMul', ['f', 'm'], ['logits'])];
const plain = (more: Partial<FileInit> = {}) => onnxBytes({ nodes: head, weights: [m], ...more });

/** Seconds of computing, which do not depend on what else the machine does. */
function computing(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** A UserError within a second; gives its message. */
function refused(read: () => unknown): string {
  const begin = process.cpuUsage();
  let found: unknown;
  try {
    read();
  } catch (error) {
    found = error;
  }
  expect(found).toBeInstanceOf(UserError);
  expect(computing(begin)).toBeLessThan(1);
  return (found as UserError).message;
}

const refusedFile = (file: FileInit) => refused(() => imported(onnxBytes(file)));
const weightsOf = (one: TensorInit) => refusedFile({ nodes: head, weights: [one] });

describe('hostile files', () => {
  it('a file that is cut off, anywhere, or is another kind of file', () => {
    const whole = plain();
    for (const part of [0, 1, 2, 10, 100, 1000, whole.length - 1])
      expect(refused(() => imported(whole.slice(0, part)))).toMatch(
        /wanted (an ONNX model|.*bytes for float32|every input|the)/,
      );
    expect(refused(() => imported(whole.slice(0, whole.length - 9)))).toMatch(
      /says that it has \d+ bytes; \d+ are left/,
    );
    expect(refused(() => imported(new TextEncoder().encode('{"model_type": "vit"}')))).toMatch(/another kind of file/);
    expect(refused(() => imported(new Uint8Array(4096).fill(0xff)))).toMatch(/wanted an ONNX model/);
  });

  it('sizes that are declared but not there', () => {
    expect(weightsOf({ ...m, dims: [192n, 1_000_000n] })).toMatch(
      /tensor "m": wanted 768000000 bytes for float32 \[192,1000000\], got 3840 bytes/,
    );
    expect(weightsOf({ ...m, dims: [2n ** 40n, 2n ** 40n] })).toMatch(/at most 2\^31 elements/);
    expect(weightsOf({ ...m, dims: [-192n, -5n] })).toMatch(/at most 2\^31 elements, got \[-192,-5\]/);
    expect(weightsOf({ ...m, rawData: undefined!, floatData: [1, 2] })).toMatch(/got 2 numbers/);
    expect(weightsOf({ ...m, dataType: 8 })).toMatch(/wanted a dtype of .*, got string/);
    expect(weightsOf({ ...m, dataType: 99 })).toMatch(/got number 99 of the ONNX standard/);
    const made = [
      node('ConstantOfShape', ['big'], ['c']),
      node('ReduceSum', ['c'], ['s']),
      node('Mul', ['x', 's'], ['y']),
      node('Flatten', ['y'], ['logits']),
    ];
    expect(refusedFile({ nodes: made, weights: [intTensor('big', [1_000_000, 1_000_000])] })).toMatch(/cannot be made/);
    const ranged = [node('Range', ['zero', 'big', 'one'], ['r']), ...head];
    const used = [
      ...ranged.slice(0, 2),
      node('Gather', ['f', 'r'], ['g'], { axis: 1 }),
      node('Identity', ['g'], ['logits']),
    ];
    expect(
      refusedFile({
        nodes: used,
        weights: [intTensor('zero', [0], []), intTensor('big', [2 ** 50], []), intTensor('one', [1], [])],
      }),
    ).toMatch(/cannot be made/);
  });

  it('numbers that are none', () => {
    const broken = numbers(960);
    broken[7] = Number.NaN;
    expect(weightsOf(floatTensor('m', [192, 5], broken))).toMatch(/tensor "m": wanted numbers, got NaN in 1 of 960/);
  });

  it('graphs that go in circles, twice defined or missing values, several or no images', () => {
    const circle = [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Flatten', ['b'], ['logits'])];
    expect(refusedFile({ nodes: circle })).toMatch(
      /without cycles, got the value "a"|without cycles, got the value "b"/,
    );
    expect(refusedFile({ nodes: [node('Add', ['logits', 'x'], ['logits'])] })).toMatch(/without cycles/);
    expect(refusedFile({ nodes: [...head, node('Relu', ['f'], ['logits'])], weights: [m] })).toMatch(
      /two named "logits"/,
    );
    expect(refusedFile({ nodes: head, weights: [m, m] })).toMatch(/two named "m"/);
    expect(refusedFile({ nodes: head })).toMatch(/got "m", which nothing gives/);
    expect(refusedFile({ nodes: head, weights: [m], output: 'nowhere' })).toMatch(/got "nowhere", which nothing gives/);
    expect(refusedFile({ nodes: head, weights: [m], input: ['N', 3, 8] })).toMatch(/wanted square RGB images/);
    expect(refusedFile({ nodes: head, weights: [m], input: ['N', 1, 8, 8] })).toMatch(
      /wanted square RGB images.*got \[\?,1,8,8\]/,
    );
    expect(refusedFile({ nodes: head, weights: [m], graph: { input: [] } })).toMatch(/one input, got none/);
    expect(
      refusedFile({
        nodes: [node('Conv', ['x', 'k'], ['logits'])],
        weights: [floatTensor('k', [4, 3, 3, 3], numbers(108))],
      }),
    ).toMatch(/one output of shape \[batch,classes\].*logits \[5,4,6,6\]/);
  });

  it('operator sets out of range', () => {
    for (const opset of [0, 9, 22, 2 ** 40])
      expect(refused(() => imported(plain({ opset })))).toMatch(
        opset > 21 ? /opset\) 11 to 21, got .*opset_version=18/ : /opset\) 11 to 21, got .*opset_version=17/,
      );
    expect(imported(plain({ opset: 11 })).classes).toBe(5);
  });

  it('functions that call themselves or double at every call, branches inside branches', () => {
    const opsetImport = [{ domain: '', version: 17n }];
    const self = {
      domain: 'd',
      name: 'f',
      input: ['a'],
      output: ['b'],
      node: [node('d::f', ['a'], ['b'])],
      opsetImport,
    };
    expect(refusedFile({ nodes: [node('d::f', ['x'], ['logits'])], functions: [self] })).toMatch(
      /Does a function call itself\?/,
    );
    const doubling = Array.from({ length: 30 }, (_, i) => ({
      domain: 'd',
      name: `f${i}`,
      input: ['a'],
      output: ['c'],
      node:
        i === 29
          ? [node('Relu', ['a'], ['c'])]
          : [node(`d::f${i + 1}`, ['a'], ['b']), node(`d::f${i + 1}`, ['b'], ['c'])],
      opsetImport,
    }));
    expect(refusedFile({ nodes: [node('d::f0', ['x'], ['logits'])], functions: doubling })).toMatch(
      /at most 8000 calls/,
    );
    expect(refusedFile({ nodes: head, weights: [m], functions: [self, self] })).toMatch(
      /one definition of the function d::f, got two/,
    );
    let graph = { name: 'g', node: [node('Relu', ['x'], ['v'])], output: [{ name: 'v' }] };
    for (let i = 0; i < 60; i++)
      graph = {
        name: 'g',
        node: [node('If', ['yes'], ['v'], { then_branch: { graph }, else_branch: { graph: { name: 'e' } } })],
        output: [{ name: 'v' }],
      };
    expect(
      refusedFile({
        nodes: graph.node,
        weights: [{ name: 'yes', dims: [], dataType: 9, int32Data: [1] }],
        output: 'v',
      }),
    ).toMatch(/messages 9\d deep|deep, got/);
  });

  it('more fields than memory is bounded for', () => {
    const many = new Uint8Array(2_000_000);
    // ModelProto.graph, then empty nodes: two bytes each.
    many.set([0x3a, ...varint(many.length - 5)]);
    for (let i = 5; i + 1 < many.length; i += 2) many.set([0x0a, 0], i);
    const before = process.memoryUsage().rss;
    expect(refused(() => imported(many))).toMatch(/more than fits in bounded memory/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6);
    const list = { ...intTensor('s', []), dims: [9_000_000n], int64Data: new Array<bigint>(9_000_000).fill(0n) };
    const bytes = onnxBytes({ nodes: head, weights: [list] });
    expect(refused(() => imported(bytes))).toMatch(/bytes of 64-bit lists/);
  });
});

function varint(value: number): number[] {
  const out: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...out, left];
    out.push((left % 128) + 128);
  }
}

describe('external data', () => {
  const external = (location: string, more: Record<string, string> = {}): TensorInit => ({
    name: 'm',
    dims: [192n, 5n],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  });
  const write = (one: TensorInit): string => {
    const path = join(dir, 'model', 'model.onnx');
    mkdirSync(join(dir, 'model', 'sub'), { recursive: true });
    writeFileSync(path, onnxBytes({ nodes: head, weights: [one] }));
    return path;
  };
  const read = (one: TensorInit) => onnxModel(readOnnx(write(one)));

  it('is read from beside the model, at an offset', () => {
    const data = new Uint8Array(64 + 3840);
    data.set(new Uint8Array(numbers(960).buffer), 64);
    mkdirSync(join(dir, 'model', 'sub'), { recursive: true });
    writeFileSync(join(dir, 'model', 'sub', 'w.bin'), data);
    const model = read(external('sub/w.bin', { offset: '64', length: '3840' }));
    const { logits } = buildFrozen(model, input('p', [1, 3, 8, 8]), new Map());
    const weight = logits.node.inputs[1]!.node.attrs.value as { data: Float32Array };
    expect(Array.from(weight.data)).toEqual(Array.from(numbers(960)));
    expect(model.externalBytes).toBe(3840);
  });

  it.each([
    ['../secret.bin', /in a file beside the model, got the location "\.\.\/secret\.bin"/],
    ['sub/../../secret.bin', /a file beside the model/],
    ['/etc/passwd', /a file beside the model/],
    ['C:\\secret.bin', /a file beside the model/],
    ['', /a file beside the model/],
    ['link.bin', /got a link out of it/],
    ['linkDir/secret.bin', /got a link out of it/],
    ['absent.bin', /which is not there; put it beside the model/],
    ['sub', /wanted a file of weights|EISDIR/],
    ['short.bin', /wanted bytes 0 to 3840 of .*got a file of 12 bytes/],
  ])('%j is refused', (location, message) => {
    const path = write(external(location));
    writeFileSync(join(dir, 'secret.bin'), new Uint8Array(3840));
    writeFileSync(join(dir, 'model', 'short.bin'), new Uint8Array(12));
    for (const [target, name] of [
      [join(dir, 'secret.bin'), 'link.bin'],
      [dir, 'linkDir'],
    ] as const) {
      rmSync(join(dir, 'model', name), { force: true });
      symlinkSync(target, join(dir, 'model', name));
    }
    expect(refused(() => onnxModel(readOnnx(path)))).toMatch(message);
  });

  it('offsets and lengths that are none, and tensors that share bytes', () => {
    writeFileSync(join(dir, 'model', 'w.bin'), new Uint8Array(4000));
    for (const more of [{ offset: '-4' }, { offset: '1e3' }, { length: '99999999999999999999' }])
      expect(refused(() => read(external('w.bin', more)))).toMatch(/wanted whole numbers/);
    expect(refused(() => read(external('w.bin', { length: '40' })))).toMatch(/wanted 3840 bytes of external data/);
    expect(refused(() => read(external('w.bin', { offset: '1000' })))).toMatch(/got a file of 4000 bytes/);
    const [a, b] = [external('w.bin'), { ...external('w.bin', { offset: '4' }), name: 'n' }];
    const path = write(a);
    writeFileSync(
      path,
      onnxBytes({
        nodes: [head[0]!, node('Add', ['m', 'n'], ['mn']), node('MatMul', ['f', 'mn'], ['logits'])],
        weights: [a, b],
      }),
    );
    expect(refused(() => onnxModel(readOnnx(path)))).toMatch(/share no bytes/);
  });

  it('a path that is no file', () => {
    expect(refused(() => readOnnx(join(dir, 'nothing.onnx')))).toMatch(/no such file/);
    expect(refused(() => readOnnx(dir))).toMatch(/got a folder/);
  });
});

describe('mutated files', () => {
  const small = onnxBytes({
    nodes: [
      node('Conv', ['x', 'k'], ['c'], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      node('Relu', ['c'], ['r']),
      node('Shape', ['r'], ['s']),
      node('Slice', ['s', 'i0', 'i1'], ['b']),
      node('Concat', ['b', 'minus'], ['t'], { axis: 0 }),
      node('Reshape', ['r', 't'], ['f']),
      node('Gemm', ['f', 'm', 'bias'], ['g'], { transB: 1 }),
      node('Softmax', ['g'], ['p'], { axis: -1 }),
      node('If', ['yes'], ['logits'], {
        then_branch: { graph: { name: 't', node: [node('Mul', ['p', 'g'], ['v'])], output: [{ name: 'v' }] } },
        else_branch: { graph: { name: 'e', node: [node('Identity', ['g'], ['u'])], output: [{ name: 'u' }] } },
      }),
    ],
    weights: [
      floatTensor('k', [2, 3, 3, 3], numbers(54)),
      floatTensor('m', [3, 32], numbers(96)),
      floatTensor('bias', [3], [1, 2, 3]),
      intTensor('i0', [0]),
      intTensor('i1', [1]),
      intTensor('minus', [-1]),
      { name: 'yes', dims: [], dataType: 9, int32Data: [1] },
    ],
  });

  it('give a clean error or a model, and never take long', () => {
    expect(imported(small).classes).toBe(3);
    const random = stream('onnx fuzz');
    const below = (n: number) => Math.floor(random.uniform() * n);
    const seen = { model: 0, refused: 0 };
    let longest = 0;
    for (let i = 0; i < 2000; i++) {
      const bytes = mutated(small, below);
      const begin = process.cpuUsage();
      try {
        const model = imported(bytes);
        buildFrozen(model, input('p', [2, 3, model.imageSize, model.imageSize]), new Map());
        seen.model++;
      } catch (error) {
        if (!(error instanceof UserError))
          throw new Error(
            `mutation ${i}: ${error instanceof BuildError ? 'BuildError' : ''} ${String((error as Error).stack)}`,
          );
        seen.refused++;
      }
      longest = Math.max(longest, computing(begin));
    }
    expect(Math.min(seen.model, seen.refused)).toBeGreaterThan(150);
    expect(longest).toBeLessThan(1);
  });
});

/** One to three bytes changed, a stretch taken out, put twice or filled with one value. */
function mutated(bytes: Uint8Array, below: (n: number) => number): Uint8Array {
  const kind = below(6);
  const [at, length] = [below(bytes.length), 1 + below(24)];
  if (kind === 0) return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + length)]);
  if (kind === 1) return Uint8Array.from([...bytes.slice(0, at + length), ...bytes.slice(at)]);
  const out = bytes.slice();
  if (kind === 2) out.fill(below(256), at, at + length);
  else
    for (let i = 0; i <= below(3); i++)
      out[below(out.length)] = kind === 3 ? below(256) : out[below(out.length)]! ^ (1 << below(8));
  return out;
}
