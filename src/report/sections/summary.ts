import { figures, htmlTable } from '../../analysis/page.ts';
import { measureOf } from '../details.ts';
import { LABELS, percent, quantity } from '../measures.ts';
import type { RunReport } from '../readRunNode.ts';
import type { Section } from '../section.ts';

export const summary: Section = (run) => [...first(run), htmlTable([], summaryRows(run))];

/** What is looked at first, as above a run in the studio. */
function first({ details }: RunReport): string[] {
  if (!details) return [];
  const { setup, step } = details;
  const shown = Object.entries(LABELS).filter(([name]) => measureOf(details, name) !== undefined);
  const measures = shown.slice(0, 2).map(([name, label]) => [label, percent(measureOf(details, name))] as const);
  return [
    figures([
      ...measures,
      ['step', String(step), `of ${setup.steps}`],
      ['parameters', quantity(setup.parameters), setup.student],
      ['training images', String(setup.trainImages), setup.data],
    ]),
  ];
}

function summaryRows({ details }: RunReport): string[][] {
  if (!details) return [];
  const { setup, step, epoch, ema, images } = details;
  const measure = (name: string) => measureOf(details, name);
  const [kl, rank, loss] = [measure('teacher_kl'), measure('effective_rank'), measure('loss')];
  return [
    ['student', setup.student],
    ['method', setup.method],
    ...(setup.teacher === null ? [] : [['teacher', setup.teacher]]),
    [
      'data',
      `${setup.data}: ${setup.trainImages} training, ${images} validation images${details.classes.length === 0 ? '' : `, ${details.classes.length} classes`}`,
    ],
    [
      'best',
      `step ${step} of ${setup.steps}, epoch ${epoch} of ${Math.ceil(setup.epochs)}${ema ? ', averaged weights' : ''}`,
    ],
    ...Object.entries(LABELS).flatMap(([name, label]) =>
      measure(name) === undefined ? [] : [[label, percent(measure(name))]],
    ),
    ...(kl === undefined ? [] : [['KL(teacher || student)', `${kl.toFixed(4)} nats`]]),
    ...(rank === undefined ? [] : [['effective rank', rank.toFixed(1)]]),
    ...(loss === undefined ? [] : [['loss', loss.toFixed(4)]]),
  ];
}
