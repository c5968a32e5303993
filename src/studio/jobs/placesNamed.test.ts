import { expect, it } from 'vitest';
import type { Kind, Place } from '../answers.ts';
import { placesNamed } from './placesNamed.ts';

const place = (kind: Kind, path: string): Place => ({ id: `${kind}:${path}`, kind, path, name: path });

it('of all places those are found that a command or its words name as a whole, what it makes first', () => {
  const all = [
    ...[place('data', 'photos'), place('run', 'runs/a'), place('run', 'runs/a-2'), place('run', 'a')],
    ...[place('study', 'runs/s'), place('run', 'runs/s/runs/one'), place('run', '')],
  ];
  const found = (text: string) => placesNamed(text, all).map(({ id }) => id);
  expect(found('understudy distill --data photos\nsaved last of step 0: runs/a-2/checkpoints/last')).toEqual([
    'run:runs/a-2',
    'data:photos',
  ]);
  expect(found('--data otherphotos, photos-2 and photos2')).toEqual([]);
  expect(found('./runs/ab')).toEqual([]);
  expect(found("--out 'runs/a'")).toEqual(['run:runs/a']);
  expect(found('runs/s: runs/s/runs/one 3 of 4')).toEqual(['study:runs/s']);
});
