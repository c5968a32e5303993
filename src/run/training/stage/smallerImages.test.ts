import { expect, it } from 'vitest';
import { buildModel, variantConfig } from '../../../models/index.ts';
import { parseConfig } from '../../../config/parse.ts';
import { runSchema } from '../../../config/schema.ts';
import { planStages } from '../../plan/stages.ts';
import { checkPlaces } from './smallerImages.ts';

const student = (more: object = {}) =>
  buildModel(variantConfig('vit_pico_patch4', { imageSize: 16, classes: 3, ...more }));

function stagesOf(method: string, imageSize?: number) {
  const stages = [
    { method, share: 0.5, ...(imageSize === undefined ? {} : { imageSize }) },
    { method: 'supervised', share: 0.5 },
  ];
  const given = { data: { dir: '.' }, student: { name: 'vit_pico_patch4' }, method, stages };
  const config = parseConfig(runSchema, given, 'test');
  return planStages(config, 10, 1);
}

it('lets methods that read the whole image see fewer places', () => {
  checkPlaces(stagesOf('supervised', 8), student());
  checkPlaces(stagesOf('kd', 8), student({ patchDropout: 0.5 }));
  checkPlaces(stagesOf('vitkd'), student());
  checkPlaces(stagesOf('vitkd', 16), student());
});

it.each([
  [
    'vitkd',
    8,
    {},
    /stages\[0\]\.imageSize 8: wanted a method that reads the image as a whole, got vitkd.*Leave it out/,
  ],
  ['vitkd', undefined, { patchDropout: 0.25 }, /patchDropout 0\.25: .*got vitkd.*Set it 0/],
  ['kd', 17, {}, /stages\[0\]\.imageSize: wanted a side from 4 to 16, the student's own, got 17/],
  ['kd', 3, {}, /stages\[0\]\.imageSize: wanted a side from 4 to 16/],
] as const)('refuses %s at %s px with %o', (method, imageSize, more, message) => {
  expect(() => checkPlaces(stagesOf(method, imageSize), student(more))).toThrow(message);
});

it('refuses smaller images for networks of one size', () => {
  const onnx = { ...student(), family: 'onnx' };
  expect(() => checkPlaces(stagesOf('kd', 8), onnx)).toThrow(
    /wanted a student that takes images of any size .* got onnx/,
  );
});
