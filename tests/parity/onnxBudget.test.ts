import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/graph/errors.ts';
import { type FileInit, floatTensor, intTensor, node, numbers, onnxBytes } from './onnxBuilder.ts';
import { agree, imported } from './onnxRun.ts';
import { readOnnx } from '../../src/onnx/import/readOnnxNode.ts';
import { onnxModel } from '../../src/onnx/import/onnxModel.ts';

/** Refused within a second of computing and 200 MB; gives the message. */
function refused(read: () => unknown): string {
  const [begin, memory] = [process.cpuUsage(), process.memoryUsage().rss];
  let found: unknown;
  try {
    read();
  } catch (error) {
    found = error;
  }
  const { user, system } = process.cpuUsage(begin);
  expect(found).toBeInstanceOf(UserError);
  expect(user + system).toBeLessThan(1e6);
  expect(process.memoryUsage().rss - memory).toBeLessThan(200e6);
  return (found as UserError).message;
}

const head = [node('Flatten', ['y'], ['f']), node('MatMul', ['f', 'm'], ['logits'])];
const m = floatTensor('m', [192, 5], numbers(960));
const file = (init: FileInit) => refused(() => imported(onnxBytes(init)));
const chain = (count: number, make: (from: string, to: string) => ReturnType<typeof node>, first: string) =>
  Array.from({ length: count }, (_, i) => make(i === 0 ? first : `v${i - 1}`, `v${i}`));
const bounded = /^file\.onnx: wanted an image classifier that fits in bounded memory, got .+: .+wanted at most \d+/;

describe('a file may ask for so much, whatever its values ask for one by one', () => {
  it.each([2 ** 60, 2 ** 31, 100_000])('borders of %d', (p) => {
    const pads = intTensor('p', [0, 0, p, p, 0, 0, p, p]);
    for (const mode of ['constant', 'edge', 'wrap'])
      expect(file({ nodes: [node('Pad', ['x', 'p'], ['y'], { mode }), ...head], weights: [pads, m] })).toMatch(bounded);
    const open = { pads: [p, p, p, p], strides: [1, 1] };
    const kernel = floatTensor('k', [3, 3, 1, 1], numbers(9));
    expect(file({ nodes: [node('Conv', ['x', 'k'], ['y'], open), ...head], weights: [kernel, m] })).toMatch(bounded);
    for (const op of ['MaxPool', 'AveragePool'])
      expect(
        file({ nodes: [node(op, ['x'], ['y'], { ...open, kernel_shape: [2, 2] }), ...head], weights: [m] }),
      ).toMatch(/fits in bounded memory|pads/);
    const dilations = [p, p];
    const wide = floatTensor('k', [3, 3, 2, 2], numbers(36));
    expect(
      file({ nodes: [node('Conv', ['x', 'k'], ['y'], { ...open, dilations }), ...head], weights: [wide, m] }),
    ).toMatch(bounded);
  });

  it('constants of a shape, hundreds of them', () => {
    const size = intTensor('n', [1_000_000]);
    const made = Array.from({ length: 400 }, (_, i) => node('ConstantOfShape', ['n'], [`c${i}`]));
    const sums = Array.from({ length: 400 }, (_, i) => node('ReduceSum', [`c${i}`], [`s${i}`]));
    const added = chain(400, (from, to) => node('Add', [from, `s${to.slice(1)}`], [to]), 'x');
    const nodes = [...made, ...sums, ...added, node('Identity', ['v399'], ['y']), ...head];
    expect(file({ nodes, weights: [size, m] })).toMatch(bounded);
  });

  it('a constant or an activation that is joined with itself again and again', () => {
    const start = floatTensor('c', [100_000], numbers(100_000));
    const double = (from: string, to: string) => node('Concat', [from, from], [to], { axis: 0 });
    const constants = [...chain(40, double, 'c'), node('ReduceMax', ['v39'], ['s']), node('Add', ['x', 's'], ['y'])];
    expect(file({ nodes: [...constants, ...head], weights: [start, m] })).toMatch(bounded);
    const wider = (from: string, to: string) => node('Concat', [from, from], [to], { axis: 3 });
    const live = [...chain(60, wider, 'x'), node('ReduceMax', ['v59'], ['y'], { axes: [3] })];
    expect(file({ nodes: [...live, ...head], weights: [m] })).toMatch(bounded);
  });

  it('activations that are held at one time, though each is small enough', () => {
    const wide = Array.from({ length: 9 }, (_, i) => node('Neg', ['x'], [`e${i}`]));
    const joined = node(
      'Concat',
      wide.map((_, i) => `e${i}`),
      ['y'],
      { axis: 1 },
    );
    const nodes = [...wide, joined, node('GlobalAveragePool', ['y'], ['g']), node('Flatten', ['g'], ['logits'])];
    const at = (side: number): FileInit => ({
      nodes,
      input: ['N', 3, side, side],
    });
    expect(imported(onnxBytes(at(1024))).classes).toBe(27);
    expect(file(at(2048))).toMatch(/elements of activations are needed at one time/);
  });

  it.each([
    ['Expand', intTensor('s', [1, 3, 2 ** 20, 2 ** 20])],
    ['Tile', intTensor('s', [1, 1, 2 ** 40, 1])],
  ])('%s', (op, shape) => {
    const x = op === 'Expand' ? [node('Slice', ['x', 'i0', 'i1', 'ax'], ['one'])] : [node('Identity', ['x'], ['one'])];
    const weights = [shape, m, intTensor('i0', [0, 0]), intTensor('i1', [1, 1]), intTensor('ax', [2, 3])];
    expect(file({ nodes: [...x, node(op, ['one', 's'], ['y']), ...head], weights })).toMatch(bounded);
  });

  it('a long chain of large constants is walked once', () => {
    const start = floatTensor('c', [70_000], numbers(70_000));
    const links = chain(900, (from, to) => node('Neg', [from], [to]), 'c');
    const nodes = [...links, node('ReduceMax', ['v899'], ['s']), node('Add', ['x', 's'], ['y']), ...head];
    const begin = process.cpuUsage();
    expect(imported(onnxBytes({ nodes, weights: [start, m] })).classes).toBe(5);
    expect(process.cpuUsage(begin).user).toBeLessThan(2e6);
  });

  const cases = new URL('../../../shared/cases/hostile/', import.meta.url).pathname;
  it.skipIf(!existsSync(cases)).each(['pad', 'concat-doubling', 'cos-many'])('the case %s', (name) => {
    expect(refused(() => onnxModel(readOnnx(`${cases}${name}/m.onnx`), { imageSize: 32 }))).toMatch(/bounded memory/);
  });
});

it('integers are computed of floats that are too many to be folded themselves', async () => {
  // As Swin's masks of windows at opset 16: a large table, a comparison of it, and a shape that asks for the result.
  const table = floatTensor('table', [70_000], numbers(70_000));
  const [two, zero] = [floatTensor('two', [1], [2]), floatTensor('zero', [1], [0])];
  const sides = intTensor('sides', [-1, 3, 8, 8]);
  const nodes = [
    ...[node('Mul', ['table', 'two'], ['t1']), node('Add', ['t1', 'two'], ['t2']), node('Less', ['t2', 'zero'], ['b'])],
    ...[node('Cast', ['b'], ['whole'], { to: 7 }), node('ReduceMax', ['whole'], ['none'], { keepdims: 1 })],
    ...[node('Add', ['sides', 'none'], ['shape']), node('Reshape', ['x', 'shape'], ['y']), ...head],
  ];
  const bytes = onnxBytes({ nodes, weights: [table, two, zero, sides, m] });
  await agree(bytes, [2, 3, 8, 8], { pixels: numbers(2 * 192, 1, 3) });
});
