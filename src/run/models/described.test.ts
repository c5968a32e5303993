import { expect, it } from 'vitest';
import { inOrder, namedByData } from './namedByData.ts';
import type { LoadedModel } from './loaded.ts';

const model = (classesByIndex: 'index' | 'natural', count: number) =>
  ({
    path: 'm.onnx',
    classes: Array.from({ length: count }, (_, i) => String(i)),
    classesByIndex,
    notes: ['a'],
  }) as unknown as LoadedModel;

const numbers = ['1', '10', '11', '2', '3'];

it('numbers have two orders: the one that was taken is told, and the other can be chosen', () => {
  const first = namedByData(model('index', 5), numbers);
  expect([first.classes, first.classesByIndex]).toEqual([numbers, false]);
  expect(first.notes).toEqual([
    'a',
    "classes=index: its classes are taken to be the data's ordered by code point, as torchvision and timm do: 1, 10, 11, not 1, 2, 3. Give natural, if it was trained with them as people count",
  ]);
  const second = namedByData(model('natural', 5), numbers);
  expect(second.classes).toEqual(['1', '2', '3', '10', '11']);
  expect(second.notes[1]).toMatch(/as people count: 1, 2, 3, not 1, 10, 11\. Give index/);
});

it('nothing is told where both are the same', () => {
  for (const word of ['index', 'natural'] as const)
    for (const classes of [
      ['cat', 'dog'],
      ['01', '02', '10'],
      ['a1', 'b1'],
    ])
      expect(namedByData(model(word, classes.length), classes)).toMatchObject({ classes, notes: ['a'] });
});

it('as people count: runs of digits anywhere, zeros before them, numbers of any length, no locale', () => {
  const names = ['a10b2', 'a2b10', 'a2b9', 'B1', 'ä1', 'z', '007', '7', '12345678901234567890', '9'];
  expect(inOrder('natural', names)).toEqual([
    '007',
    '7',
    '9',
    '12345678901234567890',
    'B1',
    'a2b9',
    'a2b10',
    'a10b2',
    'z',
    'ä1',
  ]);
});
