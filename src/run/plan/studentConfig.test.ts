import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import { networkOf } from '../../onnx/network.ts';
import { studentConfig } from './studentConfig.ts';

const student = (settings: object) => {
  const config = parseConfig(
    runSchema,
    { data: { dir: 'd' }, student: { name: 'vit_pico_patch4', settings } },
    'config',
  );
  return studentConfig(config, { imageSize: 28, classes: 3 }, [], undefined, undefined);
};

it('what the data and the name of the model say cannot be said against them', () => {
  expect(() => student({ classes: 7 })).toThrow(/student\.settings\.classes: .* got 7; it is counted in the data/);
  expect(() => student({ imageSize: 64 })).toThrow(/student\.settings\.imageSize: .* set student\.imageSize instead/);
  expect(() => student({ family: 'resnet' })).toThrow(/student\.settings\.family: .* choose another student\.name/);
  expect(student({ depth: 2 })).toMatchObject({ family: 'vit', classes: 3, imageSize: 28, depth: 2 });
});

it('MHCA has no more layers than the model has blocks', () => {
  expect(() => networkOf(student({ depth: 2, mhca: { layers: 3 } }))).toThrow(
    'model: mhca.layers: wanted at most the 2 blocks of the model, got 3',
  );
  expect(networkOf(student({ depth: 2, mhca: { layers: 2 } })).config.depth).toBe(2);
});
