import { expect, it } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { METHODS } from '../methods/index.ts';
import { parseConfig } from './parse.ts';
import { runSchema } from './schema.ts';

const RUN = { data: { dir: 'd' }, student: { name: 'vit_pico_patch4' } };

const refusal = (input: object): string => {
  try {
    parseConfig(runSchema, { ...RUN, ...input }, 'config');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as Error).message;
  }
  throw new Error('wanted a refusal');
};

it('of a setting with several forms, the one that was meant is named down to its key', () => {
  expect(refusal({ stages: [{ method: 'kd', share: 'half' }] })).toBe(
    'config: stages.0.share: expected number, got "half"',
  );
  expect(refusal({ stages: [{ method: 'kd', share: 1, optim: { warmupEpoch: 1 } }] })).toMatch(
    /unknown key stages\.0\.optim\.warmupEpoch\. Did you mean stages\.0\.optim\.warmupEpochs\?/,
  );
  const dearkd = () => parseConfig(METHODS.dearkd.config, { mhca: { layers: 2, dropout: 'much' } }, 'methods.dearkd');
  expect(dearkd).toThrow('methods.dearkd: mhca.dropout: expected number, got "much"');
  const misspelt = () => parseConfig(METHODS.dearkd.config, { mhca: { layer: 2 } }, 'methods.dearkd');
  expect(misspelt).toThrow(/unknown key mhca\.layer\. Did you mean mhca\.layers\?/);
});

it('where no form was meant, all are told', () => {
  expect(refusal({ train: { batch: 'many' } })).toMatch(/^config: train\.batch: .*"auto".*, or .*, got "many"$/);
});

it('a range runs from low to high', () => {
  expect(refusal({ augment: { scale: [0.9, 0.1] } })).toBe(
    'config: augment.scale: wanted [low, high] with low not above high, got [0.9,0.1]',
  );
  expect(refusal({ augment: { ratio: [2, 1] } })).toContain('augment.ratio: wanted [low, high]');
  expect(parseConfig(runSchema, { ...RUN, augment: { scale: [0.5, 0.5] } }, 'config').augment.scale).toEqual([
    0.5, 0.5,
  ]);
});
