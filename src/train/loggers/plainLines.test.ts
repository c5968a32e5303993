import { expect, test } from 'vitest';
import type { RunEvent } from '../events.ts';
import { plainLines } from './plainLines.ts';
import { evaluation, step } from './testEvents.ts';

const run: RunEvent[] = [
  { type: 'runStart', time: 0, config: {}, totals: { stages: 1, epochs: 3, steps: 100 }, resumedFrom: 20 },
  { type: 'stageStart', time: 0, stage: 0, name: 'nkd', steps: 100 },
  { type: 'warning', time: 0, message: 'cannot read a\u001b[2J.jpg' },
  evaluation(40, { epoch: 2, ema: true }),
  { type: 'checkpoint', time: 0, step: 40, kind: 'best', path: 'runs/a/checkpoints/best' },
  { type: 'note', time: 0, message: 'two\nlines' },
  { type: 'runEnd', time: 0, reason: 'interrupted', seconds: 192, summary: { top1: 0.5, best: 'step 40', at: [1] } },
];

test('every event but steps is a line', () => {
  expect(run.map(plainLines(10_000))).toEqual([
    '1 stage, 3 epochs, 100 steps; goes on from step 20',
    'stage 1: nkd, 100 steps',
    'warning: cannot read a?[2J.jpg',
    'epoch 2, step 40: val_ema/loss 1.250  val_ema/top1 0.5000',
    'saved best of step 40: runs/a/checkpoints/best',
    'two\nlines',
    'interrupted after 3m12s  at [1]  best step 40  top1 0.5000',
  ]);
});

test('of the steps the first, one every 10 seconds, and the last, with the totals of the run', () => {
  const lineOf = plainLines(10_000);
  lineOf(run[0]!);
  const lines = [1, 2, 10, 11, 12, 20, 21, 99, 100].map((at) => lineOf(step(at))?.split('  ').slice(0, 2).join(' '));
  expect(lines).toEqual([
    'epoch 1/3 1/100',
    undefined,
    undefined,
    'epoch 2/3 11/100',
    undefined,
    undefined,
    'epoch 3/3 21/100',
    'epoch 10/3 99/100',
    'epoch 10/3 100/100',
  ]);
});
