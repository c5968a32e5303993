import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import { chosenOtherwise, configText, parseConfigText } from './configFile.ts';

it('keeps what "auto" became beside it, and reads back as it was given', () => {
  const config = parseConfig(
    runSchema,
    { data: { dir: 'a' }, student: { name: 'resnet18' }, train: { epochs: 7 } },
    'test',
  );
  const text = configText(config, [
    { key: 'train.batch', value: 25, reason: 'images of 28 px are small, 1000 of them: '.repeat(4).trim() },
    { key: 'train.epochs', value: 9, reason: 'told elsewhere' },
    { key: 'computed on', value: 'x', reason: 'no setting' },
  ]);
  expect(text).toMatch(/^ {2}batch: auto # 25: images of 28 px .* of them:$/m);
  expect(text).toMatch(/^ {2}epochs: 7$/m);
  expect(text).not.toContain('computed on');
  expect(parseConfig(runSchema, parseConfigText(text, 'x'), 'x')).toEqual(config);
  // What was chosen otherwise since, and what is the same, is given, or was never said.
  const now = [
    { key: 'train.batch', value: 50, reason: '' },
    { key: 'train.epochs', value: 10, reason: '' },
    { key: 'optim.lr', value: 1, reason: '' },
  ];
  expect(chosenOtherwise(text, now)).toEqual([{ ...now[0], was: '25' }]);
  expect(chosenOtherwise(text, [{ key: 'train.batch', value: 25, reason: 'another' }])).toEqual([]);
});
