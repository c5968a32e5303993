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
    'config: stages.0.share: wanted a number, got "half"',
  );
  expect(refusal({ stages: [{ method: 'kd', share: 1, optim: { warmupEpoch: 1 } }] })).toMatch(
    /unknown key stages\.0\.optim\.warmupEpoch\. Did you mean stages\.0\.optim\.warmupEpochs\?/,
  );
  const dearkd = () => parseConfig(METHODS.dearkd.config, { mhca: { layers: 2, dropout: 'much' } }, 'methods.dearkd');
  expect(dearkd).toThrow('methods.dearkd: mhca.dropout: wanted a number, got "much"');
  const misspelt = () => parseConfig(METHODS.dearkd.config, { mhca: { layer: 2 } }, 'methods.dearkd');
  expect(misspelt).toThrow(/unknown key mhca\.layer\. Did you mean mhca\.layers\?/);
});

it('where no form was meant, all are told', () => {
  const told = [
    [{ train: { batch: 'many' } }, 'train.batch: wanted "auto" or a number, got "many"'],
    [
      { optim: { name: 'adam' } },
      'optim.name: wanted "auto", "adamw", "sgd", "lamb" or "muon", got "adam". Did you mean adamw?',
    ],
    [{ optim: { lr: -1 } }, 'optim.lr: wanted a number above 0, got -1'],
    [{ optim: { momentum: 2 } }, 'optim.momentum: wanted a number of at most 1, got 2'],
    [{ train: { epochs: 0.5 } }, 'train.epochs: wanted a number of at least 1, got 0.5'],
    [{ train: { seed: 1.5 } }, 'train.seed: wanted a whole number, got 1.5'],
    [{ train: { budget: 'soon' } }, 'train.budget: wanted a time such as 90s, 30m or 2h, got "soon"'],
    [{ data: { dir: '' } }, 'data.dir: wanted a text that is not empty, got ""'],
    [{ optim: { nesterov: 1 } }, 'optim.nesterov: wanted true or false, got 1'],
    [{ teacher: { ref: 't', classes: [1] } }, 'teacher.classes: wanted a list of at least 2 or a text, got [1]'],
    [{ weights: 'even' }, 'weights.mode: wanted "fixed" or "balanced", got "even"'],
    [{ optim: { betas: [0.9] } }, 'optim.betas: wanted a list of at least 2, got [0.9]'],
  ] as const;
  for (const [input, message] of told) expect(refusal(input)).toBe(`config: ${message}`);
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
