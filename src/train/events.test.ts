import { expect, test } from 'vitest';
import { isTiming, namedMetrics } from './metricNames.ts';
import { evaluation, step } from './loggers/testEvents.ts';

test('a step has the metric names of the conventions, terms in code-point order', () => {
  const metrics = namedMetrics(step(7, { terms: { kd: 2, ce: 1, Zeta: 3 }, teacherTime: 0.25 }));
  expect(Object.entries(metrics)).toEqual([
    ['train/loss', 2.5],
    ['train/loss_Zeta', 3],
    ['train/loss_ce', 1],
    ['train/loss_kd', 2],
    ['train/lr', 0.001],
    ['train/grad_norm', 1.25],
    ['train/images_per_sec', 512.4],
    ['profiling/data_wait', 0.031],
    ['profiling/teacher_time', 0.25],
  ]);
});

test('an evaluation prefixes bare names by whose weights they are, and leaves full names', () => {
  const metrics = { top1: 0.5, 'teacher/top1': 0.9 };
  expect(namedMetrics(evaluation(7, { metrics }))).toEqual({ 'val/top1': 0.5, 'teacher/top1': 0.9 });
  expect(namedMetrics(evaluation(7, { metrics, ema: true }))).toEqual({ 'val_ema/top1': 0.5, 'teacher/top1': 0.9 });
});

test('the timings of a step are the three that measure time', () => {
  const names = Object.keys(namedMetrics(step(7, { teacherTime: 0.25 })));
  expect(names.filter(isTiming)).toEqual(['train/images_per_sec', 'profiling/data_wait', 'profiling/teacher_time']);
});
