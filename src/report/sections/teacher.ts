import { heading, htmlTable } from '../../analysis/page.ts';
import { ofOneClass } from '../section.ts';

export const teacher = ofOneClass(({ right }) =>
  right
    ? [
        heading('Teacher against student'),
        htmlTable(
          ['images', 'teacher right', 'teacher wrong'],
          [
            ['student right', String(right.both), String(right.student)],
            ['student wrong', String(right.teacher), String(right.neither)],
          ],
        ),
      ]
    : [],
);
