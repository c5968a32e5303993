import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../engine/reference.ts';
import type { Weight } from '../../../formats/tensors/weight.ts';
import { fromFunction, type NdArray } from '../../../graph/ndArray.ts';
import { sizeOf } from '../../../graph/shape.ts';
import { buildModel, isHead, type ModelConfig, variantConfig } from '../../../models/index.ts';
import { frozenProgram, modelParams } from '../../../program/evalProgram.ts';
import { stream } from '../../../random/stream.ts';
import { initialState, initialWeights } from './initialWeights.ts';
import type { LoadedModel } from '../../models/loaded.ts';
import type { RunParts } from './spec.ts';

const VIT = { imageSize: 8, width: 8, depth: 1, heads: 2, distToken: true };
const configOf = (family: string, classes: number): ModelConfig =>
  family === 'vit'
    ? variantConfig('vit_pico_patch4', { ...VIT, classes })
    : variantConfig('resnet8_small', { imageSize: 8, widths: [4, 4, 4], classes });

const drawn = (shape: readonly number[], key: string): Float32Array => {
  const random = stream('initial weights', key);
  // Above 0, as a variance must be.
  return Float32Array.from({ length: sizeOf(shape) }, () => 0.1 + random.uniform());
};

function teacherOf(family: string, classes: readonly string[]): LoadedModel {
  const model = configOf(family, classes.length);
  const network = buildModel(model);
  const weights = new Map(modelParams(network).map(({ name, shape }) => [name, { shape, data: drawn(shape, name) }]));
  const preprocessing = { imageSize: 8, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 } as const;
  return { model, network, weights, classes, path: 'teacher', stored: 'teacher', notes: [], preprocessing };
}

const BATCH = 2;
const PIXELS = drawn([BATCH, 3, 8, 8], 'pixels');
const pixels: NdArray = fromFunction([BATCH, 3, 8, 8], (_, i) => PIXELS[i]!);

function logitsOf(model: LoadedModel['network'], weights: ReadonlyMap<string, Weight>): number[][] {
  const [out] = evaluate(
    [...frozenProgram(model, weights, BATCH).outputs.values()],
    new Map([['pixel_values', pixels]]),
  );
  const [, K] = out!.shape as [number, number];
  return Array.from({ length: BATCH }, (_, b) => Array.from(out!.data.slice(b * K, (b + 1) * K), Number));
}

const TEACHER = ['ant', 'bee', 'cat', 'dog'];

describe.each(['vit', 'resnet'])('the head of a %s', (family) => {
  const teacher = teacherOf(family, TEACHER);
  const taken = (classes: readonly string[]) => {
    const student = buildModel(configOf(family, classes.length));
    const notes: string[] = [];
    const parts = { student, data: { classes } } as unknown as RunParts;
    initialState(parts, teacher, (event) => void ('message' in event && notes.push(event.message)));
    return { student, ...initialWeights(teacher, student, classes), notes };
  };

  it.each([
    [
      'all classes in another order',
      ['cat', 'ant', 'dog', 'bee'],
      "weights from teacher; its head's rows in the order of the data's classes",
    ],
    ['some of its classes', ['dog', 'bee'], "weights from teacher; its head's rows of 2 of its 4 classes, by name"],
    ['its classes as they are', TEACHER, 'weights from teacher'],
  ])("%s: the logits are the teacher's, class by class", (_, classes, note) => {
    const { student, weights, keepsHead, fresh, notes } = taken(classes);
    expect([keepsHead, fresh, notes]).toEqual([true, [], [note]]);
    const own = logitsOf(teacher.network, teacher.weights);
    const wanted = own.map((row) => classes.map((name) => row[TEACHER.indexOf(name)]));
    expect(new Set(own[0]).size).toBe(TEACHER.length);
    expect(logitsOf(student, weights)).toEqual(wanted);
  });

  it.each([[['ant', 'bee', 'cat', 'eel']], [['ant', 'eel']], [['Ant', 'bee', 'cat', 'dog']]])(
    'begins anew where one of %j is unknown',
    (classes) => {
      const { weights, keepsHead, notes } = taken(classes);
      expect([keepsHead, [...weights.keys()].filter(isHead)]).toEqual([false, []]);
      expect(notes).toEqual([`weights from teacher; a new head for ${classes.length} classes`]);
    },
  );
});
