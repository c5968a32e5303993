import { heading, htmlTable, note } from '../../analysis/page.ts';
import type { RunDetails } from '../details.ts';
import { MOST_CLASSES, percent } from '../measures.ts';
import { ofOneClass } from '../section.ts';

export const classes = ofOneClass((details) => [heading('Classes, worst first'), classTable(details)]);

function classTable({ scores, classes, truth }: RunDetails): string {
  const rows = [...scores].sort((a, b) => (a.recall ?? 2) - (b.recall ?? 2) || a.class - b.class);
  const withTeacher = scores.some(({ teacherRecall }) => teacherRecall !== null);
  const head = ['class', 'images', truth === 'labels' ? 'accuracy' : 'as the teacher', 'precision', 'F1'];
  const table = htmlTable(
    [...head, ...(withTeacher ? ['accuracy of the teacher'] : [])],
    rows
      .slice(0, MOST_CLASSES)
      .map((row) => [
        classes[row.class]!,
        String(row.images),
        percent(row.recall),
        percent(row.precision),
        percent(row.f1),
        ...(withTeacher ? [percent(row.teacherRecall)] : []),
      ]),
  );
  return rows.length > MOST_CLASSES
    ? `${table}${note(`${rows.length - MOST_CLASSES} more classes are in evaluation.json.`)}`
    : table;
}
