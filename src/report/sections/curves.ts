import { heading, note } from '../../analysis/page.ts';
import { runCharts } from '../curves.ts';
import type { Section } from '../section.ts';

export const curves: Section = (run) => [
  heading('Curves'),
  `<div class="charts">${runCharts(run).join('\n')}</div>`,
  note('Of long runs each point is a mean over a stretch of steps.'),
  ...(run.details ? [] : [note('The run has no evaluation with details so far.')]),
];
