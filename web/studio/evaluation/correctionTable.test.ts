import { expect, it } from 'vitest';
import { tableOf } from './correctionTable.ts';

it('labels to correct are a table that no spreadsheet computes', () => {
  const row = {
    i: 3,
    name: 'photos/3.png',
    label: 1,
    prediction: 0,
    probability: 0.99,
    teacher: 0,
    teacherProbability: 0.9,
  };
  const odd = { ...row, name: '=1+1,"a"', label: -1, teacherProbability: null };
  expect(tableOf([row, odd], { classes: ['cat', 'dog'] })).toBe(
    'image,label,suggested,probability,teacher_probability\nphotos/3.png,dog,cat,0.9900,0.9000\n"\'=1+1,""a""",,cat,0.9900,\n',
  );
});
