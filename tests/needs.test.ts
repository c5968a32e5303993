import { describe, expect, it } from 'vitest';
import { input } from '../src/graph/build.ts';
import { METHODS, type Method, type MethodName, methodNamed } from '../src/methods/index.ts';
import { buildModel, type Features, type Model, type ModelConfig, variantConfig } from '../src/models/index.ts';
import { inputStore, Scope } from '../src/nn/scope.ts';
import { networkOf, type NetworkConfig } from '../src/onnx/network.ts';
import { OnnxFile } from '../src/onnx/import/onnxFile.ts';
import { readStudent } from '../src/onnx/student/read.ts';
import { adamw } from '../src/optim/adamw.ts';
import { teacherPorts } from '../src/program/teacherPorts.ts';
import { trainProgram } from '../src/program/trainProgram.ts';
import type { PlannedStage } from '../src/run/plan/stages.ts';
import type { LoadedModel } from '../src/run/models/loaded.ts';
import { checkNeeds } from '../src/run/training/stage/spec.ts';
import { floatTensor, node, numbers, onnxBytes } from './parity/onnxBuilder.ts';

const [B, K, SIZE] = [2, 3, 16];

const vitOf = (settings: object = {}) =>
  variantConfig('vit_pico_patch4', { imageSize: SIZE, classes: K, width: 8, depth: 4, heads: 2, ...settings });

/** A user's own CNN: two stages and a linear head. */
function ownCnn(): NetworkConfig {
  const weight = (name: string, ...shape: number[]) =>
    floatTensor(
      name,
      shape,
      numbers(
        shape.reduce((a, b) => a * b),
        0.3,
        shape[0]!,
      ),
    );
  const conv = { pads: [1, 1, 1, 1], strides: [2, 2] };
  const nodes = [
    ...[node('Conv', ['x', 'a'], ['c1'], conv), node('Relu', ['c1'], ['s1'])],
    ...[node('Conv', ['s1', 'b'], ['c2'], conv), node('Relu', ['c2'], ['s2'])],
    ...[node('GlobalAveragePool', ['s2'], ['p']), node('Flatten', ['p'], ['f'])],
    node('Gemm', ['f', 'head', 'bias'], ['logits'], { transB: 1 }),
  ];
  const weights = [weight('a', 4, 3, 3, 3), weight('b', 6, 4, 3, 3), weight('head', K, 6), weight('bias', K)];
  return readStudent(
    new OnnxFile(onnxBytes({ nodes, weights, input: ['N', 3, SIZE, SIZE], declared: ['N', K] }), 'own.onnx'),
  ).config;
}

const STUDENTS: Readonly<Record<string, NetworkConfig>> = {
  vit: vitOf(),
  resnet: variantConfig('resnet8_small', { imageSize: SIZE, classes: K, widths: [4, 4, 6] }),
  regnet: variantConfig('regnety_002', { imageSize: SIZE, classes: K, depths: [1, 1], widths: [8, 8], groupWidth: 8 }),
  onnx: ownCnn(),
};
const TEACHERS: Readonly<Record<string, Model>> = {
  vit: buildModel(vitOf({ width: 12 })),
  cnn: buildModel(variantConfig('resnet8_small', { imageSize: SIZE, classes: K, widths: [6, 8, 12] })),
  features: buildModel(vitOf({ width: 12, classes: 0 })),
};

/** What a method asks of a student, with which settings, by which teacher, and the families that can give it; others are refused. */
const TABLE: readonly (readonly [
  method: string,
  settings: object,
  teacher: string | undefined,
  able: readonly string[],
])[] = [
  ['supervised', {}, undefined, ['vit', 'resnet', 'regnet', 'onnx']],
  ['kd', {}, 'vit', ['vit', 'resnet', 'regnet', 'onnx']],
  ['kd', {}, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['nkd', {}, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['dkd', {}, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['deit', { distToken: false }, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['deit', {}, 'cnn', ['vit']],
  ['vkd', { distToken: false }, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['vkd', { distToken: false, featureWeight: 0 }, 'vit', ['vit', 'resnet', 'regnet', 'onnx']],
  ['vkd', {}, 'cnn', ['vit']],
  ['embed', {}, 'features', ['vit', 'resnet', 'regnet', 'onnx']],
  ['embed', { global: 'cosine', denseWeight: 1, relationWeight: 1 }, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  ['embed', { global: 'none', denseWeight: 1 }, 'vit', ['vit', 'resnet', 'regnet', 'onnx']],
  ['embed+kd', {}, 'cnn', ['vit', 'resnet', 'regnet', 'onnx']],
  // Tokens block by block, a class token in the middle: no CNN has them.
  ['dearkd', {}, 'cnn', ['vit']],
  ['vitkd', {}, 'vit', ['vit']],
  ['widelast', {}, 'vit', ['vit']],
  ['uskd', {}, undefined, ['vit']],
];

/** The student as a run shapes it: only Vision Transformers have the parts that methods ask for. */
function shaped(config: NetworkConfig, method: Method, settings: unknown, teacher: Features | undefined): Model {
  if (config.family !== 'vit') return networkOf(config);
  return buildModel({ ...config, ...method.shapeStudent?.(settings, config, teacher) } as ModelConfig);
}

const featuresOf = (model: Model): Features =>
  model.build(new Scope(inputStore(), false), input('pixels', [B, 3, SIZE, SIZE]));

function stepOf(method: Method, settings: unknown, student: Model, teacher: Model | undefined) {
  return trainProgram({
    batch: B,
    student,
    ...(teacher ? { teacher: () => teacherPorts(featuresOf(teacher)) } : {}),
    loss: (context) => method.loss({ ...context, config: settings }),
    optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
    accumulate: 1,
    ema: false,
    pixels: [3, SIZE, SIZE],
    // An open weight is measured in a run.
    weights: { hidden: 1 },
  });
}

describe('what a student must give', () => {
  it.each(TABLE)('%s %j from a teacher that is a %s: %j', (name, given, teacherName, able) => {
    const method = methodNamed(name);
    const settings = method.config.parse(method.parts ? {} : given);
    const teacher = teacherName === undefined ? undefined : TEACHERS[teacherName]!;
    const loaded = teacher && ({ network: teacher, path: 'teacher' } as LoadedModel);
    const stages = [{ method, settings } as PlannedStage];
    for (const [family, config] of Object.entries(STUDENTS)) {
      const student = shaped(config, method, settings, teacher && featuresOf(teacher));
      const check = () => checkNeeds(stages, student, loaded);
      if (able.includes(family)) {
        expect(check, family).not.toThrow();
        const { update, weights } = stepOf(method, settings, student, teacher);
        expect([...update.inputs.keys()], family).toContain('batch.pixels');
        expect(Object.keys(weights).length, family).toBeGreaterThan(0);
      } else {
        expect(check, family).toThrow(new RegExp(`needs student\\..*this student, an? ${family}.*, has `, 'i'));
      }
    }
  });

  it('every method is in the table', () => {
    const missing = (Object.keys(METHODS) as MethodName[]).filter((name) => !TABLE.some(([method]) => method === name));
    expect(missing.filter((name) => !ELSEWHERE.includes(name))).toEqual([]);
  });
});

/** Methods for a student with heads of their own, whose needs their own tests hold. */
const ELSEWHERE: readonly string[] = ['cskd'];
