import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import { chooseSettings } from './defaults.ts';
import { unusedSettings } from './unused.ts';

const optimOf = (optim: RunInput['optim']) => {
  const config = parseConfig(runSchema, { data: { dir: 'x' }, student: { name: 'vit_pico_patch4' }, optim }, 'config');
  return chooseSettings(config, { images: 1000, classes: 10, shorterSide: 28 }, { width: 64, integerLabels: false })
    .optim;
};

it('settings of another optimiser or schedule are told, those of any stage are not', () => {
  expect(unusedSettings([optimOf({})])).toEqual([]);
  expect(unusedSettings([optimOf({ name: 'sgd', momentum: 0.8, nesterov: false })])).toEqual([]);
  expect(unusedSettings([optimOf({ momentum: 0.8, stepGamma: 0.5 })])).toEqual([
    'optim.momentum=0.8 changes nothing: optim.name is muon, and it is for sgd',
    'optim.stepGamma=0.5 changes nothing: optim.schedule is cosine, and it is for step',
  ]);
  expect(unusedSettings([optimOf({ name: 'sgd', betas: [0.9, 0.95], schedule: 'step', cosineOver: 'all' })])).toEqual([
    'optim.betas=[0.9,0.95] changes nothing: optim.name is sgd, and it is for adamw, lamb, muon',
    'optim.cosineOver="all" changes nothing: optim.schedule is step, and it is for cosine',
  ]);
  const [one, other] = [optimOf({ momentum: 0.8 }), optimOf({ momentum: 0.8, name: 'sgd' })];
  expect(unusedSettings([one, other])).toEqual([]);
});
