import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { loadModel } from '../../src/run/evaluation/predict.ts';
import { kindOf } from '../../src/run/models/probabilities.ts';
import { floatTensor, intTensor, type NodeInit, node, onnxBytes, type TensorInit } from '../parity/onnxBuilder.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-probabilities-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SIDE = 8;
const CLASSES = ['cat', 'dog', 'owl'];
const described = { classes: CLASSES, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => [230, 60, 128][i % 3]!);

/** Logits [B,3,1,1] of the mean colour; `tail` makes the output of them. */
async function answers(name: string, tail: NodeInit[], more: TensorInit[] = []) {
  const bytes = onnxBytes({
    nodes: [node('ReduceMean', ['x'], ['m'], { axes: [2, 3] }), node('Conv', ['m', 'w', 'b'], ['z']), ...tail],
    weights: [
      floatTensor('w', [3, 3, 1, 1], [9, -2, 1, 3, -7, 2, -4, 1, 6]),
      floatTensor('b', [3], [-1, 0.5, 0.25]),
      intTensor('two', [2, 3]),
      ...more,
    ],
    input: ['N', 3, SIDE, SIDE],
    declared: ['N', 3],
  });
  const path = join(dir, `${name}.onnx`);
  writeFileSync(path, bytes);
  const notes: string[] = [];
  const model = await loadModel(path, {
    described: described as never,
    onModel: (event) => event.type === 'note' && notes.push(event.message),
  });
  const found = await model.predict({ data, width: SIDE, height: SIDE }, { top: 3 });
  const probabilities = CLASSES.map((one) => found.find((row) => row.class === one)!.probability);
  await model.dispose();
  return { probabilities, multilabel: model.saved.multilabel, notes: notes.join('\n') };
}

const flatten = (from: string) => node('Flatten', [from], ['logits']);
const one = floatTensor('one', [1], [1]);

/** What the colour gives in float64. */
const z = (() => {
  const [r, g, b] = [230 / 255, 60 / 255, 128 / 255];
  return [9 * r - 2 * g + b - 1, 3 * r - 7 * g + 2 * b + 0.5, -4 * r + g + 6 * b + 0.25];
})();
const total = z.reduce((sum, x) => sum + Math.exp(x), 0);
const SOFTMAX = z.map((x) => Math.exp(x) / total);
const SIGMOID = z.map((x) => 1 / (1 + Math.exp(-x)));

const softmaxes: Record<string, [NodeInit[], TensorInit[]?]> = {
  'logits themselves': [[flatten('z')]],
  'a softmax before what flattens': [[node('Softmax', ['z'], ['p'], { axis: 1 }), flatten('p')]],
  'a softmax before what squeezes': [
    [node('Softmax', ['z'], ['p'], { axis: 1 }), node('Squeeze', ['p', 'two'], ['logits'])],
  ],
  'a softmax before a copy': [
    [node('Flatten', ['z'], ['f']), node('Softmax', ['f'], ['p'], { axis: 1 }), node('Identity', ['p'], ['logits'])],
  ],
  'a softmax before the classes are put in another order and back': [
    [
      node('Flatten', ['z'], ['f']),
      node('Softmax', ['f'], ['p'], { axis: 1 }),
      node('Gather', ['p', 'order'], ['q'], { axis: 1 }),
      node('Gather', ['q', 'order'], ['logits'], { axis: 1 }),
    ],
    [intTensor('order', [0, 2, 1])],
  ],
  'a softmax in parts': [
    [
      node('Exp', ['z'], ['e']),
      node('ReduceSum', ['e', 'classes'], ['s']),
      node('Div', ['e', 's'], ['p']),
      flatten('p'),
    ],
    [intTensor('classes', [1])],
  ],
  'logarithms of a softmax': [[node('LogSoftmax', ['z'], ['p'], { axis: 1 }), flatten('p')]],
};

it.each(Object.entries(softmaxes))('%s: one class an image', async (name, [tail, more]) => {
  const { probabilities, multilabel } = await answers(name.replaceAll(' ', '-'), tail, more);
  probabilities.forEach((p, i) => void expect(p).toBeCloseTo(SOFTMAX[i]!, 5));
  expect(multilabel).toBe(false);
});

const sigmoids: Record<string, [NodeInit[], TensorInit[]?]> = {
  'a sigmoid': [[node('Sigmoid', ['z'], ['p']), flatten('p')]],
  'a sigmoid in parts': [
    [
      node('Neg', ['z'], ['n']),
      node('Exp', ['n'], ['e']),
      node('Add', ['e', 'one'], ['s']),
      node('Div', ['one', 's'], ['p']),
      flatten('p'),
    ],
    [one],
  ],
};

it.each(Object.entries(sigmoids))('%s: several classes an image, which is told', async (name, [tail, more]) => {
  const { probabilities, multilabel, notes } = await answers(name.replaceAll(' ', '-'), tail, more);
  probabilities.forEach((p, i) => void expect(p).toBeCloseTo(SIGMOID[i]!, 5));
  expect(multilabel).toBe(true);
  expect(notes).toContain('an image may have several (multilabel)');
});

it('values are told by all rows that are numbers', () => {
  const rows = (...values: number[]) => kindOf(Float32Array.from(values), 2);
  expect(rows(0.25, 0.75, 1, 0)).toBe('softmax');
  expect(rows(0.25, 0.75, 1, 0.5)).toBe('sigmoid');
  expect(rows(0.25, 0.75, 1.2, 0)).toBe('logits');
  expect(rows(0.25, 0.75, -0.1, 1.1)).toBe('logits');
  expect(rows(Number.NaN, 0.75, 0.5, 0.5)).toBe('softmax');
  expect(rows(Number.NaN, Number.NaN)).toBe('logits');
  expect(rows(0, 0, 0, 0)).toBe('logits');
});
