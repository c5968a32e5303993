import { htmlTable } from '../../analysis/page.ts';
import { LABELS, percent } from '../measures.ts';
import type { RunReport } from '../readRunNode.ts';
import type { Section } from '../section.ts';

export const summary: Section = (run) => [htmlTable([], summaryRows(run))];

function summaryRows({ details }: RunReport): string[][] {
  if (!details) return [];
  const { setup, metrics, step, epoch, ema, images } = details;
  const shares = [
    'top1',
    'class_head_top1',
    'top5',
    'map',
    'micro_f1',
    'macro_f1',
    'ece',
    'teacher_agreement',
    'teacher_top1',
    'teacher_map',
  ];
  return [
    ['student', setup.student],
    ['method', setup.method],
    ...(setup.teacher === null ? [] : [['teacher', setup.teacher]]),
    [
      'data',
      `${setup.data}: ${setup.trainImages} training, ${images} validation images, ${details.classes.length} classes`,
    ],
    ['best', `step ${step} of ${setup.steps}, epoch ${epoch} of ${setup.epochs}${ema ? ', averaged weights' : ''}`],
    ...shares.flatMap((name) => (metrics[name] === undefined ? [] : [[LABELS[name]!, percent(metrics[name])]])),
    ...(metrics.teacher_kl === undefined ? [] : [['KL(teacher || student)', `${metrics.teacher_kl.toFixed(4)} nats`]]),
    ...(metrics.loss === undefined ? [] : [['loss', metrics.loss.toFixed(4)]]),
  ];
}
